import errno
import os

import pyarrow
import pytest
import tensorflow as tf

from transform.common import failures
from transform.common.errors import DataError


def caught(call):
    with pytest.raises(Exception) as raised:
        call()
    return raised.value


def write(path):
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("x")


@pytest.mark.parametrize("framework", [write, lambda path: open(path, "w").close()])
def test_an_error_is_told_alike_by_python_and_tensorflow(framework, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    places = {
        "file/x": errno.ENOTDIR,
        "loop": errno.ELOOP,
        "absent/x": errno.ENOENT,
        "x" * 300: errno.ENAMETOOLONG,
    }
    for name, number in places.items():
        place = str(tmp_path / name)
        error = caught(lambda place=place: framework(place))
        assert failures.is_outside(error)
        said = failures.sentence(error)
        assert said.startswith(f"{place}: {os.strerror(number)}"), said
        assert said.endswith(".") and "\n" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            tf.errors.ResourceExhaustedError(
                None, None, "s/a.zip; No space left on device [while running 'Write']"
            ),
            "s/a.zip: No space left on device (free some space",
        ),
        (tf.errors.FailedPreconditionError(None, None, "o is not a directory"), "o: "),
        (OSError(errno.EROFS, "read-only", "m/x"), "m/x: Read-only file system"),
        (pyarrow.ArrowInvalid("no Parquet\nand more"), "no Parquet."),
        (MemoryError(), "there is not enough memory."),
        (caught(lambda: "caf\udce9".encode()), r"the name 'caf\udce9' is not UTF-8"),
        (
            caught(lambda: tf.io.gfile.GFile("caf\udce9").read()),
            "TensorFlow opens no file whose name is not UTF-8",
        ),
        (DataError("there is nothing."), "there is nothing."),
        (OSError("odd"), "odd."),
        (
            tf.errors.FailedPreconditionError(None, None, "libcurl code 6: no host"),
            "libcurl code 6: no host; look at the network and at the credentials.",
        ),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "OOM when allocating a tensor"
            ),
            "OOM when allocating a tensor.",
        ),
    ],
)
def test_errors_of_every_library_become_one_sentence(error, said):
    assert failures.sentence(error).startswith(said)
    assert failures.is_outside(error) or isinstance(error, DataError)


def test_a_mistake_in_the_code_is_not_an_error_outside():
    assert not failures.is_outside(TypeError("x"))
    assert not failures.is_outside(KeyError("x"))
