"""TensorFlow Serving's JSON: requests in rows or columns, answers in the same form."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from serving.server import tensor_protos
from serving.server.config import LimitsConfig
from serving.server.refusals import BadInputError

_BASE64 = "b64"
_BYTES_SUFFIX = "_bytes"  # of outputs whose strings are no text
_MAX_RANK = 32


class RestRequest(NamedTuple):
    """The body of a predict request."""

    signature_name: str
    is_rows: bool  # "instances", a list of rows, rather than "inputs", of columns
    value: Any

    def inputs(
        self, expected: Mapping[str, tf.TensorSpec], limits: LimitsConfig
    ) -> dict[str, np.ndarray]:
        """Returns the inputs of a signature as arrays; `BadInputError` if unfit.

        Args:
            expected: The inputs of the signature.
            limits: The most rows, and the most bytes of an array.
        """
        columns = self._columns(expected)
        tensor_protos.check_names(columns, expected)
        arrays = {
            name: _array(name, value, expected[name], limits.message_bytes)
            for name, value in columns.items()
        }
        shapes = {name: array.shape for name, array in arrays.items()}
        tensor_protos.check_rows(shapes, limits.request_rows)
        return arrays

    def _columns(self, expected: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
        if not self.is_rows:
            return _named(self.value, expected)
        if not isinstance(self.value, list) or not self.value:
            raise BadInputError("'instances' must be a list with at least one row")
        rows = [_named(row, expected) for row in self.value]
        for row in rows:
            if row.keys() != rows[0].keys():
                raise BadInputError("all rows of 'instances' must have the same inputs")
        return {name: [row[name] for row in rows] for name in rows[0]}

    def answer(self, outputs: Mapping[str, np.ndarray]) -> bytes:
        """Returns the body of the answer, in the form of the request."""
        values = {name: _plain(name, array) for name, array in outputs.items()}
        single = len(values) == 1
        if not self.is_rows:
            answered = next(iter(values.values())) if single else values
            return _dump({"outputs": answered})
        sizes = {array.shape[0] if array.ndim else None for array in outputs.values()}
        if len(sizes) != 1 or None in sizes:
            raise BadInputError(
                "the outputs have no rows in common; ask in columns, by 'inputs'"
            )
        if single:
            return _dump({"predictions": next(iter(values.values()))})
        rows = zip(*values.values(), strict=True)
        return _dump({"predictions": [dict(zip(values, row)) for row in rows]})  # noqa: B905


def parse(body: bytes) -> RestRequest:
    """Reads a predict request's body; `BadInputError` says what is wrong with it."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise BadInputError(f"JSON Parse error: {reason}") from error
    if not isinstance(request, dict):
        raise BadInputError("JSON Value: the request must be an object")
    signature = request.get("signature_name", "")
    if not isinstance(signature, str):
        raise BadInputError("'signature_name' key must be a string value.")
    forms = [key for key in ("instances", "inputs") if key in request]
    if len(forms) != 1:
        raise BadInputError(
            "Not formatted correctly: the request needs the key 'instances' or "
            f"'inputs', one of them; it has {len(forms)}"
        )
    return RestRequest(signature, forms[0] == "instances", request[forms[0]])


def _named(value: Any, expected: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """Returns values by input; the name may be left out where there is one input."""
    if isinstance(value, dict) and value.keys() != {_BASE64}:
        return value
    if len(expected) != 1:
        raise BadInputError(
            f"the inputs must be named: {', '.join(sorted(expected)) or 'none'}"
        )
    return {next(iter(expected)): value}


def _array(name: str, value: Any, spec: tf.TensorSpec, max_bytes: int) -> np.ndarray:
    shape, leaves = _flat(name, value)
    if not spec.shape.is_compatible_with(shape):
        raise BadInputError(f"input {name} must be {spec.shape}; is {shape}")
    if math.prod(shape) * spec.dtype.size > max_bytes:
        raise BadInputError(f"input {name} of shape {shape} exceeds {max_bytes} bytes")
    dtype = spec.dtype
    if dtype == tf.string:
        values: Any = np.empty(len(leaves), object)
        values[:] = [_bytes(name, leaf) for leaf in leaves]
    elif dtype == tf.bool:
        values = _checked(name, leaves, (bool,), "Bool", dtype)
    elif dtype.is_integer:
        values = _checked(name, leaves, (int,), "Number", dtype)
    elif dtype.is_floating:
        values = _checked(name, leaves, (int, float), "Number", dtype)
    else:
        raise BadInputError(f"input {name} of {dtype.name} cannot be given as JSON")
    return values.reshape(shape)


def _flat(name: str, value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Returns the shape of nested lists, and their leaves in a row."""
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list) and len(shape) < _MAX_RANK:
        size = len(level[0])
        if not all(isinstance(item, list) and len(item) == size for item in level):
            raise BadInputError(f"input {name} holds lists of different sizes")
        shape.append(size)
        level = [item for items in level for item in items]
    if any(isinstance(leaf, list) for leaf in level):
        raise BadInputError(f"input {name} holds lists of different depths")
    return tuple(shape), level


def _checked(
    name: str,
    leaves: list[Any],
    types: tuple[type, ...],
    json_type: str,
    dtype: tf.DType,
) -> np.ndarray:
    for leaf in leaves:
        if not isinstance(leaf, types) or (
            isinstance(leaf, bool) and bool not in types
        ):
            raise BadInputError(
                f"input {name}: JSON Value: {str(leaf)[:80]} is not of expected type: "
                f"{dtype.name}, a {json_type}"
            )
        if isinstance(leaf, bool) or not isinstance(leaf, int | float):
            continue
        if math.isfinite(leaf) and not dtype.min <= leaf <= dtype.max:
            raise BadInputError(
                f"input {name}: Cannot convert JSON value: {str(leaf)[:80]} to "
                f"{dtype.name} without loss of precision."
            )
    return np.array(leaves, dtype.as_numpy_dtype)


def _bytes(name: str, leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return leaf.encode("utf-8", "surrogatepass")
    if isinstance(leaf, dict) and leaf.keys() == {_BASE64}:
        try:
            return base64.b64decode(leaf[_BASE64], validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise BadInputError(f"input {name}: Unable to base64 decode") from error
    raise BadInputError(
        f"input {name}: JSON Value: {str(leaf)[:80]} is not of expected type: string"
    )


def _plain(name: str, array: np.ndarray) -> Any:
    """Returns an output as JSON's types, with no more digits than its own type has."""
    if array.dtype == object:
        as_base64 = name.endswith(_BYTES_SUFFIX)
        flat = [
            {_BASE64: base64.b64encode(text).decode()}
            if as_base64
            else text.decode("utf-8", "replace")
            for text in array.ravel().tolist()
        ]
        plain = np.empty(len(flat), object)
        plain[:] = flat
        return plain.reshape(array.shape).tolist()
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
