"""Judges the records of a request before the graph unpacks them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from serving.common import signature_names
from serving.server import image_headers, messages
from serving.server.refusals import BadInputError
from transform import schema
from transform.schema import (
    FeatureLayout,
    FeatureSpec,
    FrameGrid,
    Jpeg,
    Label,
    Raw,
)

_HALF = 2  # bytes of a stored value


class RecordJudge:
    """Refuses records whose features are not what a specification says.

    What passes is bounded: its pictures have the size that the specification implies,
    its values are finite, and the graph reads the very columns that were judged.

    Args:
        spec: The specification of the model's features.
    """

    def __init__(self, spec: FeatureSpec):
        self._spec = spec
        self._tensors = {tensor.name: tensor for tensor in spec.tensors()}
        self._columns = {
            *self._tensors,
            schema.VIDEO_ID,
            schema.CATEGORY,
            schema.SPEC_HASH,
        }

    def judged(self, records: np.ndarray) -> np.ndarray:
        """Returns (B,) records of judged columns alone.

        Raises:
            BadInputError: A record is none, or a feature of it does not fit.
        """
        judged = [self._judge(row, data) for row, data in enumerate(records.tolist())]
        return np.array(judged, object)

    def check_pictures(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Refuses a call of `caption_frames` whose pictures are not what they must be.

        Raises:
            BadInputError: A row has another specification, no picture, or one that is
                not as large as the network reads it.
        """
        for row, stored in enumerate(arrays[schema.SPEC_HASH].tolist()):
            self._check_spec(row, stored)
        (size,) = {f.size for f in self._spec.features if isinstance(f, FrameGrid)}
        for row, pictures in enumerate(arrays[signature_names.FRAMES].tolist()):
            if not any(pictures):
                raise BadInputError(f"row {row} has no picture")
            for step, data in enumerate(pictures):
                if data and (fault := _picture_fault(data, size)):
                    raise BadInputError(f"picture {step} of row {row} {fault}")
        for name in arrays.keys() & self._tensors.keys():
            for row, data in enumerate(arrays[name].tolist()):
                if data and (fault := _fault(data, self._tensors[name])):
                    raise BadInputError(f"feature {name} of row {row} {fault}")

    def _judge(self, row: int, data: bytes) -> bytes:
        record = messages.parse(tf.train.Example, data, f"row {row}")
        kept = tf.train.Example()
        for name in sorted(self._columns & record.features.feature.keys()):
            values = record.features.feature[name].bytes_list.value
            if len(values) > 1:
                raise BadInputError(f"row {row} has more than one {name}")
            if values:
                kept.features.feature[name].bytes_list.value.append(values[0])
        self._check_spec(row, _value(kept, schema.SPEC_HASH))
        present = {name for name in self._tensors if _value(kept, name)}
        if not present:
            raise BadInputError(
                f"row {row} has none of the features {', '.join(sorted(self._tensors))}"
            )
        for name in sorted(present):
            if fault := _fault(_value(kept, name), self._tensors[name]):
                raise BadInputError(f"feature {name} of row {row} {fault}")
        return kept.SerializeToString()

    def _check_spec(self, row: int, stored: bytes) -> None:
        if stored != self._spec.content_hash.encode():
            raise BadInputError(
                "Features of another specification: expected "
                f"{self._spec.content_hash} got {stored[:64].decode(errors='replace')}"
                f" in row {row}"
            )


def check_finite(name: str, values: np.ndarray) -> None:
    """Refuses an input that holds what is no number."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadInputError(f"input {name} holds values that are no finite numbers")


def _value(record: tf.train.Example, name: str) -> bytes:
    if name not in record.features.feature:
        return b""
    return next(_values(record, name), b"")


def _values(record: tf.train.Example, name: str) -> Iterator[bytes]:
    yield from record.features.feature[name].bytes_list.value


def _picture_fault(data: bytes, size: int) -> str:
    """Returns what is wrong with a key frame's picture; '' if it fits."""
    try:
        found = image_headers.picture_size(data)
    except image_headers.ImageHeaderError as error:
        return str(error)
    if (found.height, found.width) != (size, size):
        return f"is {found.height} x {found.width}; expected {size} x {size}"
    return ""


def _fault(data: bytes, tensor: FeatureLayout) -> str:
    """Returns what is wrong with a feature's bytes; '' if they fit the layout."""
    if isinstance(tensor.encoding, Label):
        known = (name.encode() for name in tensor.encoding.names)
        return "" if data in known else "is no label of the specification"
    if isinstance(tensor.encoding, Raw):
        return _raw_fault(data, tensor)
    rows, columns, planes = tensor.step_shape
    is_jpeg = isinstance(tensor.encoding, Jpeg)
    size_of = image_headers.jpeg_size if is_jpeg else image_headers.png_size
    try:
        size = size_of(data)
    except image_headers.ImageHeaderError as error:
        return str(error)
    steps, rest = divmod(size.height, planes * rows)
    if size.width != columns or rest or not 1 <= steps <= tensor.max_steps:
        return (
            f"is {size.height} x {size.width}; expected {columns} wide and 1 to "
            f"{tensor.max_steps} times {planes * rows} high"
        )
    return ""


def _raw_fault(data: bytes, tensor: FeatureLayout) -> str:
    step = _HALF * math.prod(tensor.step_shape)
    steps, rest = divmod(len(data), step)
    if rest or not 1 <= steps <= tensor.max_steps:
        return (
            f"has {len(data)} bytes; expected 1 to {tensor.max_steps} steps of {step}"
        )
    if not np.isfinite(np.frombuffer(data, "<f2")).all():
        return "holds values that are no finite numbers"
    return ""
