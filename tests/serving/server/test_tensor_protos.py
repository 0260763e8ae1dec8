from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2

from serving.server.refusals import BadInputError
from serving.server.tensor_protos import pack, unpack

EXPECTED = {
    "x": tf.TensorSpec([None, 2], tf.float32),
    "name": tf.TensorSpec([None], tf.string),
}


def request(**changes) -> dict[str, tensor_pb2.TensorProto]:
    values = {"x": np.ones((3, 2), np.float32), "name": [b"a", b"b", b"c"], **changes}
    return {
        name: value
        if isinstance(value, tensor_pb2.TensorProto)
        else tf.make_tensor_proto(value)
        for name, value in values.items()
        if value is not None
    }


def read(protos, max_rows=8, max_bytes=10_000):
    return unpack(protos, EXPECTED, max_rows, max_bytes)


def test_what_was_packed_comes_out():
    arrays = read(request())
    np.testing.assert_array_equal(arrays["x"], np.ones((3, 2)))
    assert arrays["name"].tolist() == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, r"inputs must be name, x; received x"),
        ({"other": [b""]}, "received name, other, x"),
        ({"x": np.ones((3, 2))}, "x must be float32; is float64"),
        ({"x": tensor_pb2.TensorProto(dtype=99)}, "x must be float32; is type 99"),
        ({"x": np.ones((3, 5), np.float32)}, r"x must be \(None, 2\); is \(3, 5\)"),
        ({"x": np.ones(3, np.float32)}, r"x must be \(None, 2\); is \(3,\)"),
        ({"x": np.ones((4, 2), np.float32)}, "as many rows each"),
        ({"x": np.ones((0, 2), np.float32), "name": np.array([], "S")}, "received 0"),
        ({"x": np.ones((9, 2), np.float32), "name": [b""] * 9}, "1 to 8 rows"),
    ],
)
def test_what_does_not_fit_is_said(changes, message):
    with pytest.raises(BadInputError, match=message):
        read(request(**changes))


def huge(rows: int, dtype=tf.float32) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, float_val=[1.0])
    for size in (rows, 2):
        proto.tensor_shape.dim.add().size = size
    return proto


def test_a_small_message_cannot_claim_a_huge_tensor():
    with pytest.raises(BadInputError, match="exceeds 10000 bytes"):
        read(request(x=huge(10**12)))
    with pytest.raises(BadInputError, match=r"is \(-1, 2\)"):
        read(request(x=huge(-1)))


@pytest.mark.parametrize(("strings", "claimed"), [(1, 8), (0, 1), (3, 2)])
def test_one_string_is_not_taken_for_many(strings, claimed):
    proto = tensor_pb2.TensorProto(
        dtype=tf.string.as_datatype_enum, string_val=[b"a"] * strings
    )
    proto.tensor_shape.dim.add().size = claimed
    with pytest.raises(BadInputError, match=f"must hold {claimed} strings; holds"):
        read(request(x=np.ones((claimed, 2), np.float32), name=proto))


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (np.array([[0.5, np.inf]], np.float32), "float_val"),
        (np.array([0.5, 2]), "double_val"),
        (np.array([1, -2], np.int32), "int_val"),
        (np.array([200], np.uint8), "int_val"),
        (np.array([2**40]), "int64_val"),
        (np.array([True, False]), "bool_val"),
        (np.array([b"a", b"\xff"], object), "string_val"),
        (np.zeros((0, 3), np.float32), "float_val"),
    ],
)
def test_outputs_stand_in_the_field_of_their_type(array, field):
    proto = pack(array)
    assert not proto.tensor_content
    assert len(getattr(proto, field)) == array.size
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_half_floats_can_be_read_back():
    array = np.array([0.5, 2], np.float16)
    np.testing.assert_array_equal(tf.make_ndarray(pack(array)), array)


def test_content_of_another_length_than_the_shape_is_refused():
    proto = tf.make_tensor_proto(np.ones((3, 2), np.float32))
    proto.tensor_content = b"123"
    with pytest.raises(BadInputError, match="x cannot be read"):
        read(request(x=proto))


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_refusal(data):
    try:
        proto = tensor_pb2.TensorProto.FromString(data)
    except Exception:  # not a TensorProto: gRPC turns it away
        return
    try:
        read(request(x=proto))
    except BadInputError:
        pass
