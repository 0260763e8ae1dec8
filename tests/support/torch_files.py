"""Writes files as `torch.save` does, without PyTorch.

PyTorch pickles a tensor as a call of `torch._utils._rebuild_tensor_v2` with a reference
to its storage, and a storage's reference names a type such as `torch.FloatStorage`.
None of these can be imported here, so a pickler writes their names itself (`Name`), in
protocol 2 as PyTorch does. Around the pickle stand the storages' bytes, in a zip
archive or behind it in one stream.
"""

import collections
import io
import pickle
import struct
import zipfile
from typing import ClassVar, NamedTuple

import numpy as np

TYPES = {
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int32): "IntStorage",
    np.dtype(np.int16): "ShortStorage",
    np.dtype(np.int8): "CharStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(bool): "BoolStorage",
}
MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {
    "protocol_version": 1001,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


class Name(NamedTuple):
    """A global that need not exist; calling it is what a pickle of it says."""

    module: str
    name: str

    def __call__(self, *args):
        raise AssertionError("only written, never called")


class Call(NamedTuple):
    """Pickles as function(*arguments)."""

    function: Name
    arguments: tuple

    def __reduce__(self):
        return self.function, self.arguments


class Storage:
    """Values one after the other, and the name of their type."""

    def __init__(self, values, kind=None):
        self.values = np.ascontiguousarray(values).reshape(-1)
        self.kind = kind or TYPES[self.values.dtype]


class Tensor:
    """A view of a storage; strides are counted in values."""

    def __init__(self, storage, shape, strides, offset=0):
        self.storage = storage
        self.shape = tuple(shape)
        self.strides = tuple(strides)
        self.offset = offset

    def __reduce__(self):
        rebuild = Name("torch._utils", "_rebuild_tensor_v2")
        hooks = collections.OrderedDict()
        where = (self.storage, self.offset, self.shape, self.strides)
        return rebuild, (*where, False, hooks)


def tensor(values):
    """A contiguous tensor with a storage of its own."""
    values = np.ascontiguousarray(values)
    strides = [stride // values.itemsize for stride in values.strides]
    return Tensor(Storage(values), np.shape(values), strides)


def constant(value, shape):
    """A tensor of one value, which takes no room: its strides are 0."""
    return Tensor(Storage(np.float32([value])), shape, [0] * len(shape))


def parameter(values):
    """As old files have a module's parameters."""
    rebuild = Name("torch._utils", "_rebuild_parameter")
    return Call(rebuild, (tensor(values), True, collections.OrderedDict()))


def state_dict(tensors):
    """An OrderedDict with the `_metadata` that modules give it."""
    result = collections.OrderedDict(tensors)
    result._metadata = collections.OrderedDict({"": {"version": 1}})
    return result


class _Pickler(pickle._Pickler):
    """Python's own, since C's cannot be told how names are written."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def __init__(self, file, old):
        super().__init__(file, protocol=2)
        self.old = old
        self.keys = {}  # storage → key

    def persistent_id(self, thing):
        if not isinstance(thing, Storage):
            return None
        key = self.keys.setdefault(thing, str(len(self.keys)))
        view = (None,) if self.old else ()
        type_ = Name("torch", thing.kind)
        return ("storage", type_, key, "cpu", len(thing.values), *view)

    def save_name(self, thing):
        self.write(f"c{thing.module}\n{thing.name}\n".encode())

    dispatch[Name] = save_name


def write_zip(path, content, order="<", root="archive"):
    """The format since PyTorch 1.6."""
    pickled = io.BytesIO()
    pickler = _Pickler(pickled, old=False)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled.getvalue())
        archive.writestr(f"{root}/byteorder", "little" if order == "<" else "big")
        for storage, key in pickler.keys.items():
            values = storage.values.astype(storage.values.dtype.newbyteorder(order))
            archive.writestr(f"{root}/data/{key}", values.tobytes())
        archive.writestr(f"{root}/version", "3\n")


def write_stream(path, content):
    """The format before."""
    with open(path, "wb") as file:
        for thing in (MAGIC, 1001, SYSTEM):
            pickle.dump(thing, file, protocol=2)
        pickler = _Pickler(file, old=True)
        pickler.dump(content)
        pickle.dump(sorted(pickler.keys.values()), file, protocol=2)
        by_key = {key: storage for storage, key in pickler.keys.items()}
        for key in sorted(by_key):
            file.write(struct.pack("<q", len(by_key[key].values)))
            file.write(by_key[key].values.tobytes())


WRITERS = {"zip": write_zip, "stream": write_stream}
