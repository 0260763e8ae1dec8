"""PyTorch's files, as `torch_files` writes them."""

import io
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest

from tests.support import torch_files
from tests.support.torch_files import Call, Name, Storage, Tensor
from transform.backbones.formats import torch_file
from transform.backbones.formats.torch_file import StateDict
from transform.common.weight_files import WeightsError

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(2, 3, 2)).astype(np.float32)


@pytest.fixture(params=torch_files.WRITERS)
def write(request, tmp_path):
    """Writes a file in one of the formats."""

    def write(content):
        path = tmp_path / "weights.pth"
        torch_files.WRITERS[request.param](path, content)
        return path

    return write


def test_tensors_are_read_by_name_and_keep_their_types(write):
    values = {
        dtype.name: RNG.normal(scale=9, size=(2, 3)).astype(dtype)
        for dtype in torch_files.TYPES
    }
    tensors = {name: torch_files.tensor(value) for name, value in values.items()}
    read = StateDict(write(torch_files.state_dict(tensors)))
    assert list(read) == list(values)
    for name, value in values.items():
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)


@pytest.mark.parametrize("nest", ["state_dict", "model"])
def test_weights_may_stand_beside_what_training_keeps(write, nest):
    content = {
        "meta": {"epoch": 3, "config": "lr = 0.1", "seed": None},
        nest: torch_files.state_dict({"conv.weight": torch_files.tensor(KERNEL)}),
    }
    read = StateDict(write(content))
    assert set(read) == {"conv.weight"}
    np.testing.assert_array_equal(read["conv.weight"], KERNEL)


def test_parameters_are_tensors_and_other_entries_are_left_out(write):
    read = StateDict(write({"weight": torch_files.parameter(KERNEL), "epoch": 3}))
    assert list(read) == ["weight"]
    np.testing.assert_array_equal(read["weight"], KERNEL)


def test_what_mmengine_logs_stands_for_nothing(write):
    buffer = Name("mmengine.logging.history_buffer", "HistoryBuffer")
    array = Name("numpy.core.multiarray", "_reconstruct")
    label = Call(Name("_codecs", "encode"), ("b", "latin1"))
    values = Call(array, (Name("numpy", "ndarray"), (0,), label))
    least = Call(Name("__builtin__", "getattr"), (buffer, "min"))
    curves = {"loss": Call(buffer, (values, {"min": least}))}
    state = {"weight": torch_files.tensor(KERNEL)}
    read = StateDict(write({"message_hub": curves, "state_dict": state}))
    assert list(read) == ["weight"]
    np.testing.assert_array_equal(read["weight"], KERNEL)


def test_views_have_their_offset_and_strides(write):
    storage = Storage(np.arange(24, dtype=np.float32))
    tensors = {
        "part": Tensor(storage, (2, 3), (3, 1), offset=6),
        "turned": Tensor(storage, (4, 2), (1, 4), offset=8),
        "repeated": Tensor(storage, (2, 5), (0, 0), offset=23),
        "scalar": Tensor(storage, (), (), offset=5),
        "empty": Tensor(storage, (0, 3), (3, 1), offset=24),
    }
    read = StateDict(write(tensors))
    values = storage.values
    np.testing.assert_array_equal(read["part"], values[6:12].reshape(2, 3))
    np.testing.assert_array_equal(read["turned"], values[8:16].reshape(2, 4).T)
    np.testing.assert_array_equal(read["repeated"], np.full((2, 5), 23))
    np.testing.assert_array_equal(read["scalar"], np.array(5))
    assert read["empty"].shape == (0, 3)


def test_bfloat16_widens(write):
    floats = np.float32([1.0, -2.5, 3e38, 0.0])
    halves = (floats.view(np.uint32) >> 16).astype(np.uint16)
    tensor = Tensor(Storage(halves, "BFloat16Storage"), (2, 2), (2, 1))
    read = StateDict(write({"weight": tensor}))["weight"]
    assert read.dtype == np.float32
    np.testing.assert_allclose(read.reshape(-1), floats, rtol=2**-7)


def test_archive_of_a_machine_of_the_other_byte_order_is_turned(tmp_path):
    path = tmp_path / "weights.pth"
    torch_files.write_zip(path, {"weight": torch_files.tensor(KERNEL)}, order=">")
    np.testing.assert_array_equal(StateDict(path)["weight"], KERNEL)


def test_stream_may_have_views_of_storages(tmp_path):
    class Pickler(torch_files._Pickler):
        def persistent_id(self, thing):
            saved = super().persistent_id(thing)
            return (*saved[:5], ("view", 4, 6)) if saved else None

    path = tmp_path / "weights.pth"
    storage = Storage(np.arange(12, dtype=np.float32))
    with path.open("wb") as file:
        for thing in (torch_files.MAGIC, 1001, torch_files.SYSTEM):
            pickle.dump(thing, file, protocol=2)
        Pickler(file, old=True).dump({"weight": Tensor(storage, (4,), (1,), offset=1)})
        pickle.dump(["0"], file, protocol=2)
        file.write(struct.pack("<q", 12) + storage.values.tobytes())
    np.testing.assert_array_equal(StateDict(path)["weight"], [5, 6, 7, 8])


def test_pickle_spelt_out_is_read(tmp_path):
    """The opcodes of {"w": [[1, 2], [3, 4]]}, without the helper's pickler."""
    mapping = b"ccollections\nOrderedDict\n)R"
    storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\4tQ"
    where = b"K\0K\2K\2\x86K\2K\1\x86"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + where
    tensor += b"\x89" + mapping + b"tR"
    metadata = b"}X\x09\0\0\0_metadata" + mapping + b"sb"
    pickled = b"\x80\2" + mapping + b"X\1\0\0\0w" + tensor + b"s" + metadata + b"."
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", pickled)
        archive.writestr("weights/data/0", np.float32([1, 2, 3, 4]).tobytes())
    np.testing.assert_array_equal(StateDict(path)["w"], [[1, 2], [3, 4]])


# ------------------------------------------------------------------- evil pickles


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("subprocess", "Popen"),
        ("numpy.core.multiarray", "fromstring"),
        ("transform.backbones.formats.torch_file", "StateDict"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch", "load"),
    ],
)
def test_pickle_that_names_anything_else_is_refused_and_calls_nothing(
    write, tmp_path, module, name
):
    touched = tmp_path / "touched"
    evil = Call(Name(module, name), (f"touch {touched}",))
    path = write({"weight": torch_files.tensor(KERNEL), "meta": evil})
    with pytest.raises(WeightsError, match=rf"names {module}\.{name}, which tensors"):
        StateDict(path)
    assert not touched.exists()


def test_evil_before_the_weights_is_refused_too(tmp_path):
    touched = tmp_path / "touched"
    path = tmp_path / "weights.pth"
    path.write_bytes(f"cos\nsystem\n(S'touch {touched}'\ntR.".encode())
    with pytest.raises(WeightsError, match=r"names os\.system"):
        StateDict(path)
    assert not touched.exists()


@pytest.mark.parametrize("name", torch_file._KNOWN, ids=".".join)
@pytest.mark.parametrize("attribute", ["__call__", "__doc__", "__class__", "kind"])
def test_pickle_can_set_no_attribute_of_what_it_is_given(name, attribute):
    given = "c{}\n{}\n".format(*name).encode()
    key = b"X" + struct.pack("<I", len(attribute)) + attribute.encode()
    slots = b"N}" + key + b"K\1s\x86"  # (None, {attribute: 1})
    unpickler = torch_file._Unpickler(io.BytesIO(b"\x80\2" + given + slots + b"b."))
    with pytest.raises((AttributeError, TypeError)):
        unpickler.load()


# ---------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "content",
    [b"", b"weights", b"\x89HDF\r\n\x1a\n" + bytes(64), b"PK\3\4" + bytes(64)],
)
def test_other_file_is_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"is damaged, or not a file that torch\.save"
    ):
        StateDict(path)


def test_compressed_archive_is_refused(tmp_path):
    path = tmp_path / "again.pth"
    plain = tmp_path / "plain.pth"
    torch_files.write_zip(plain, {"weight": torch_files.tensor(KERNEL)})
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(WeightsError, match="archive/data/0 is compressed"):
        StateDict(path)


def test_archive_of_something_else_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, weight=KERNEL)
    with pytest.raises(WeightsError, match=r"the archive has no data\.pkl"):
        StateDict(path)


@pytest.mark.parametrize("content", [3, [torch_files.tensor(KERNEL)], {"epoch": 3}])
def test_file_without_named_tensors_is_refused(write, content):
    with pytest.raises(WeightsError, match="has no tensors: it is not a state_dict"):
        StateDict(write(content))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((3, 3), (3, 1), 4), ((2,), (13,), 0), ((1,), (1,), 12), ((1 << 40,), (1,), 0)],
)
def test_tensor_beyond_its_storage_is_refused(write, shape, strides, offset):
    storage = Storage(np.arange(12, dtype=np.float32))
    read = StateDict(write({"weight": Tensor(storage, shape, strides, offset)}))
    with pytest.raises(WeightsError, match="goes beyond its storage's 12 values"):
        read["weight"]


@pytest.mark.parametrize("bad", [(-1, 4), (2, "four"), (2.0, 4)])
def test_sizes_that_are_none_are_refused(write, bad):
    storage = Storage(np.arange(12, dtype=np.float32))
    with pytest.raises(WeightsError, match="is damaged"):
        StateDict(write({"weight": Tensor(storage, bad, (1, 1))}))


def test_file_cut_short_is_refused_wherever_it_ends(write, tmp_path):
    whole = write({"a": torch_files.tensor(KERNEL)}).read_bytes()
    path = tmp_path / "short.pth"
    for length in range(0, len(whole) - 1, 13):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            StateDict(path)["a"]


def test_flipped_bytes_never_end_otherwise_than_in_an_error_or_in_arrays(
    write, tmp_path
):
    names = {"a": torch_files.tensor(KERNEL), "b": torch_files.parameter(KERNEL)}
    whole = write(torch_files.state_dict(names)).read_bytes()
    path = tmp_path / "flipped.pth"
    rng = random.Random(0)
    for _ in range(150):
        flipped = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            flipped[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(flipped)
        try:
            read = StateDict(path)
            for name in read:
                assert isinstance(read[name], np.ndarray)
        except WeightsError:
            pass
