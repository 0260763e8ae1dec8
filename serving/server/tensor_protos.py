"""Checks the tensors of a request against a signature, and packs its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from serving.server.refusals import BadInputError


def unpack(
    protos: Mapping[str, tensor_pb2.TensorProto],
    expected: Mapping[str, tf.TensorSpec],
    max_rows: int,
    max_bytes: int,
) -> dict[str, np.ndarray]:
    """Returns the inputs of a request as arrays.

    The bounds are needed since a few bytes can claim to be a tensor of any size.

    Args:
        protos: The inputs of the request.
        expected: The inputs of the signature.
        max_rows: Largest allowed size of axis 0.
        max_bytes: Largest allowed size of one unpacked tensor.
    """
    check_names(protos, expected)
    shapes = {
        name: _checked_shape(name, proto, expected[name], max_bytes)
        for name, proto in protos.items()
    }
    check_rows(shapes, max_rows)
    arrays = {}
    for name, proto in protos.items():
        try:
            arrays[name] = tf.make_ndarray(proto)
        except (TypeError, ValueError) as error:
            raise BadInputError(f"input {name} cannot be read: {error}") from error
    return arrays


def check_names(
    received: Mapping[str, object], expected: Mapping[str, tf.TensorSpec]
) -> None:
    """Refuses a request whose inputs are not those of its signature."""
    if received.keys() != expected.keys():
        raise BadInputError(
            f"inputs must be {', '.join(sorted(expected))}; "
            f"received {', '.join(sorted(received)) or 'none'}"
        )


def check_rows(shapes: Mapping[str, tuple[int, ...]], max_rows: int) -> None:
    """Refuses inputs of different numbers of rows, of none and of too many."""
    rows = {shape[0] for shape in shapes.values() if shape}
    if len(rows) > 1:
        raise BadInputError(f"inputs must have as many rows each; received {shapes}")
    if not all(1 <= count <= max_rows for count in rows):
        raise BadInputError(f"1 to {max_rows} rows are allowed; received {rows.pop()}")


def pack(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Returns an output in the fields of its type, where stock clients look for it.

    `tf.make_tensor_proto` would write `tensor_content`, which `.float_val` is not.
    """
    dtype = tf.dtypes.as_dtype(array.dtype)
    if dtype.is_bool or dtype.is_integer or dtype.is_floating:
        field = _FIELDS.get(dtype)
        if field is not None:
            proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
            for size in array.shape:
                proto.tensor_shape.dim.add().size = size
            getattr(proto, field).extend(array.ravel().tolist())
            return proto
    return tf.make_tensor_proto(array)


_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.bool: "bool_val",
    tf.int64: "int64_val",
    tf.uint64: "uint64_val",
    tf.uint32: "uint32_val",
    **dict.fromkeys((tf.int32, tf.int16, tf.int8, tf.uint16, tf.uint8), "int_val"),
}


def _checked_shape(
    name: str, proto: tensor_pb2.TensorProto, spec: tf.TensorSpec, max_bytes: int
) -> tuple[int, ...]:
    if proto.dtype != spec.dtype.as_datatype_enum:
        try:
            received = tf.dtypes.as_dtype(proto.dtype).name
        except TypeError:
            received = f"type {proto.dtype}"
        raise BadInputError(f"input {name} must be {spec.dtype.name}; is {received}")
    shape = tuple(axis.size for axis in proto.tensor_shape.dim)
    if min(shape, default=0) < 0 or not spec.shape.is_compatible_with(shape):
        raise BadInputError(f"input {name} must be {spec.shape}; is {shape}")
    count = math.prod(shape)
    if spec.dtype == tf.string and len(proto.string_val) != count:
        raise BadInputError(  # protobuf's rule would repeat the last one
            f"input {name} of shape {shape} must hold {count} strings; holds "
            f"{len(proto.string_val)}"
        )
    if count * spec.dtype.size > max_bytes:
        raise BadInputError(f"input {name} of shape {shape} exceeds {max_bytes} bytes")
    return shape
