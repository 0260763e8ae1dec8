"""Reads PyTorch's files of weights (`torch.save`) without PyTorch.

Both formats: the zip archive that version 1.6 brought, `data.pkl` and a file a storage,
and the older stream of pickles with the storages behind them. A pickle can name any
function of any installed package to be called. Here it gets the few that tensors are
made of; one that names another is refused, and nothing of it is called. What MMEngine
logs beside the weights stands for nothing.
"""

from __future__ import annotations

import operator
import pathlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from transform.common.weight_files import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C  # the first object of the older format
_PROTOCOL = 1001  # its second
_NESTED = ("state_dict", "model")  # where training scripts put the weights

# What reading can raise on bytes that nobody wrote as weights.
_DAMAGE = (
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

_BFLOAT16 = "bfloat16"  # NumPy has no such type
_DTYPES: Mapping[str, str] = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


class StateDict(Mapping[str, np.ndarray]):
    """A file's tensors by name; each is read when it is asked for.

    The weights may be the whole file, or stand under `state_dict` or `model` in it.
    Parameters are tensors; whatever else is there (counters, settings) is left out.
    bfloat16 widens to float32, other types stay.

    Args:
        path: the file.

    Raises:
        WeightsError: It is damaged, is none of PyTorch's, has no tensors, or names
            something to be called that tensors have no need of. Reading a tensor whose
            bytes are damaged raises it too.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        try:
            self._contents = _open(path)
        except _RefusedError as error:
            raise WeightsError(
                f"{path} names {error}, which tensors have no need of; it was not "
                "called: save the model's state_dict() alone."
            ) from None
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        self._tensors = _tensors(self._contents.pickled)
        if not self._tensors:
            raise WeightsError(f"{path} has no tensors: it is not a state_dict.")

    def __getitem__(self, name: str) -> np.ndarray:
        tensor = self._tensors[name]
        try:
            return _strided(_read(self._path, self._contents, tensor.storage), tensor)
        except _DAMAGE as error:
            raise _damaged(self._path, error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _damaged(path: pathlib.Path, error: Exception) -> WeightsError:
    said = " ".join(str(error).split()) or type(error).__name__
    return WeightsError(
        f"{path} is damaged, or not a file that torch.save wrote: {said}."
    )


# --------------------------------------------------------------- what pickles make


class _RefusedError(Exception):
    """A pickle named something that is not known here."""


class _Storage(NamedTuple):
    key: str
    kind: str  # a value of `_DTYPES`
    length: int  # of the whole storage
    start: int = 0  # of a view of it; the older format has these


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements


class _Mapping(dict):
    """An OrderedDict; what a pickle sets on it (`_metadata`) is dropped."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        del state


# Callables are instances without attributes: a pickle can set none on them.
class _NewMapping:
    __slots__ = ()

    def __call__(self, items: Any = ()) -> _Mapping:
        return _Mapping(items)


class _NewTensor:
    __slots__ = ()

    def __call__(
        self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any
    ) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError(f"a tensor of {type(storage).__name__}")
        return _Tensor(storage, _whole(offset), _wholes(shape), _wholes(strides))


class _NewParameter:
    __slots__ = ()

    def __call__(self, tensor: Any, *_: Any) -> Any:
        return tensor


class _StorageType(NamedTuple):
    kind: str


class _Nothing:
    """Whatever it is called with and set to; a class, since pickles ask for one."""

    __slots__ = ()

    def __new__(cls, *_: Any) -> _Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        del state


# Of the curves of losses in MMEngine's files: buffers of arrays, and their methods.
_LOGGED = (
    ("mmengine.logging.history_buffer", "HistoryBuffer"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("__builtin__", "getattr"),
    ("_codecs", "encode"),
)

_KNOWN: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _NewMapping(),
    ("torch._utils", "_rebuild_tensor"): _NewTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): _NewTensor(),
    ("torch._utils", "_rebuild_parameter"): _NewParameter(),
    **{("torch", name): _StorageType(kind) for name, kind in _DTYPES.items()},
    **dict.fromkeys(_LOGGED, _Nothing),
}


def _whole(value: Any) -> int:
    number = operator.index(value)
    if number < 0:
        raise ValueError(f"{number} where none below 0 can be")
    return number


def _wholes(values: Any) -> tuple[int, ...]:
    return tuple(_whole(value) for value in values)


class _Unpickler(pickle.Unpickler):
    """Makes mappings, tensors and plain values; calls nothing else."""

    def __init__(self, file: IO[bytes]):
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, saved: Any) -> _Storage:
        what, type_, key, _, count, *view = saved
        if what != "storage" or not isinstance(type_, _StorageType):
            raise pickle.UnpicklingError(f"a reference to {what!r}, not to a storage")
        storage = _Storage(str(key), type_.kind, _whole(count))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError(f"storage {key} has two types")
        if view and view[0] is not None:
            _, start, _ = view[0]
            return storage._replace(start=_whole(start))
        return storage


def _tensors(pickled: object) -> dict[str, _Tensor]:
    entries: dict[Any, Any] = pickled if isinstance(pickled, dict) else {}
    for name in _NESTED:
        if isinstance(entries.get(name), dict):
            entries = entries[name]
            break
    return {
        name: value
        for name, value in entries.items()
        if isinstance(name, str) and isinstance(value, _Tensor)
    }


# ------------------------------------------------------------------------- storages


class _Contents(NamedTuple):
    pickled: object
    begins: Mapping[str, int]  # where in the file a storage's values begin, by its key
    order: str = "<"  # of their bytes


def _open(path: pathlib.Path) -> _Contents:
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        return _open_zip(file) if is_zip else _open_stream(file)


def _open_zip(file: IO[bytes]) -> _Contents:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
        if not pickles:
            raise pickle.UnpicklingError("the archive has no data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        big = f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big"
        with archive.open(pickles[0]) as member:
            unpickler = _Unpickler(member)
            pickled = unpickler.load()
        begins = {
            storage.key: _begin(file, archive.getinfo(f"{root}data/{key}"), storage)
            for key, storage in unpickler.storages.items()
        }
    return _Contents(pickled, begins, ">" if big else "<")


def _begin(file: IO[bytes], member: zipfile.ZipInfo, storage: _Storage) -> int:
    """Returns where a member's bytes begin; PyTorch does not compress them."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{member.filename} is compressed")
    if member.file_size != _bytes(storage):
        raise ValueError(
            f"storage {storage.key} has {member.file_size} bytes, not {_bytes(storage)}"
        )
    file.seek(member.header_offset)
    header = struct.unpack("<26x2H", file.read(30))  # lengths of the name, of the rest
    return member.header_offset + 30 + sum(header)


def _open_stream(file: IO[bytes]) -> _Contents:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise pickle.UnpicklingError("it does not begin as one")
    _Unpickler(file).load()  # of the machine; storages are little-endian on all
    unpickler = _Unpickler(file)
    pickled = unpickler.load()
    begins = {}
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        length = int.from_bytes(file.read(8), "little")
        if length != storage.length:
            raise ValueError(f"storage {key} has {length} values, not {storage.length}")
        begins[key] = file.tell()
        file.seek(_bytes(storage), 1)
    return _Contents(pickled, begins)


def _read(path: pathlib.Path, contents: _Contents, storage: _Storage) -> np.ndarray:
    """Reads a whole storage, as an array (length,)."""
    begin = contents.begins[storage.key]
    with path.open("rb") as file:
        if file.seek(0, 2) < begin + _bytes(storage):
            raise EOFError(f"storage {storage.key} ends early")
        file.seek(begin)
        return _values(file.read(_bytes(storage)), storage, contents.order)


def _bytes(storage: _Storage) -> int:
    each = 2 if storage.kind == _BFLOAT16 else np.dtype(storage.kind).itemsize
    return storage.length * each


def _values(content: bytes, storage: _Storage, order: str) -> np.ndarray:
    if storage.kind == _BFLOAT16:  # the upper half of a float32
        halves = np.frombuffer(content, f"{order}u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    values = np.frombuffer(content, f"{order}{storage.kind}")
    return values.astype(storage.kind, copy=False)


def _strided(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, values.dtype)
    begin = tensor.storage.start + tensor.offset
    last = begin + sum(
        (size - 1) * stride
        for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if last >= len(values):
        raise ValueError(
            f"a tensor of {list(tensor.shape)} goes beyond its storage's "
            f"{len(values)} values"
        )
    return np.lib.stride_tricks.as_strided(
        values[begin:],
        tensor.shape,
        [stride * values.itemsize for stride in tensor.strides],
        writeable=False,
    )
