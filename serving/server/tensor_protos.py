"""Checks the tensors of a request against a signature and unpacks them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2


class BadInputError(ValueError):
    """The inputs of a request do not fit its signature."""


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
    if protos.keys() != expected.keys():
        raise BadInputError(
            f"inputs must be {', '.join(sorted(expected))}; "
            f"received {', '.join(sorted(protos)) or 'none'}"
        )
    shapes = {
        name: _checked_shape(name, proto, expected[name], max_bytes)
        for name, proto in protos.items()
    }
    rows = {shape[0] for shape in shapes.values() if shape}
    if len(rows) > 1:
        raise BadInputError(f"inputs must have as many rows each; received {shapes}")
    if not all(1 <= count <= max_rows for count in rows):
        raise BadInputError(f"1 to {max_rows} rows are allowed; received {rows.pop()}")
    arrays = {}
    for name, proto in protos.items():
        try:
            arrays[name] = tf.make_ndarray(proto)
        except (TypeError, ValueError) as error:
            raise BadInputError(f"input {name} cannot be read: {error}") from error
    return arrays


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
    if math.prod(shape) * spec.dtype.size > max_bytes:
        raise BadInputError(f"input {name} of shape {shape} exceeds {max_bytes} bytes")
    return shape
