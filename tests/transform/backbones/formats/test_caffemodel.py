"""Caffe's files, encoded here field by field."""

import struct

import numpy as np
import pytest

from tests.support import caffe_files
from transform.backbones.formats import caffemodel
from transform.common.weight_files import WeightsError

KERNEL = np.arange(2 * 3 * 1 * 2 * 2, dtype=np.float32).reshape(2, 3, 1, 2, 2)
BIAS = np.array([0.5, -1.0], np.float32)


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "list_of_layers", [caffe_files.first_form, caffe_files.second_form]
)
def test_layers_are_read_by_name(tmp_path, list_of_layers, packed):
    blobs = [
        caffe_files.c3d_blob(KERNEL, packed),
        caffe_files.shaped_blob(BIAS, packed),
    ]
    network = caffe_files.text(1, "a network") + b"".join(
        [
            list_of_layers("relu1", []),
            list_of_layers("conv1a", blobs),
        ]
    )
    layers = caffemodel.read(written(tmp_path / "x.caffemodel", network))
    assert list(layers) == ["conv1a"]
    kernel, bias = layers["conv1a"]
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias, BIAS)


def test_blob_with_four_sizes_is_bvlcs(tmp_path):
    values = KERNEL[:, :, 0]
    sizes = [caffe_files.number(i + 1, n) for i, n in enumerate(values.shape)]
    data = caffe_files.packed(5, values)
    blob = caffemodel.read_blob(written(tmp_path / "x", b"".join([*sizes, data])))
    np.testing.assert_array_equal(blob, values)


def test_gradients_are_not_values(tmp_path):
    blob = caffe_files.c3d_blob(KERNEL) + caffe_files.packed(7, KERNEL)
    found = caffemodel.read_blob(written(tmp_path / "x", blob))
    np.testing.assert_array_equal(found, KERNEL)


def test_scalars_of_other_widths_are_skipped(tmp_path):
    double = bytes([9 << 3 | 1]) + struct.pack("<d", 1.5)
    single = bytes([10 << 3 | 5]) + struct.pack("<f", 1.5)
    blob = double + single + caffe_files.c3d_blob(KERNEL)
    found = caffemodel.read_blob(written(tmp_path / "x", blob))
    np.testing.assert_array_equal(found, KERNEL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"weights", "wire type|is cut off"),
        (
            caffe_files.first_form("conv", [caffe_files.c3d_blob(KERNEL)])[:-1],
            "is cut off",
        ),
        (caffe_files.first_form("conv", []), "no layer has weights"),
        (
            caffe_files.first_form("conv", [caffe_files.number(1, 3)]),
            r"shape \[3\] has 0 values",
        ),
        (b"\x80" * 12, "a number is cut off"),
    ],
)
def test_other_file_is_refused_with_the_reason(tmp_path, content, reason):
    with pytest.raises(WeightsError, match=f"is not a model of Caffe: .*({reason})"):
        caffemodel.read(written(tmp_path / "x.caffemodel", content))
