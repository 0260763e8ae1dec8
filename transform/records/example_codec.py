"""Converts clips to `tf.train.Example`s and back, and parses batches of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform import schema
from transform.common.errors import KinescribeError
from transform.records.feature_bytes import decode_tensor, encode_tensor
from transform.schema import (
    FeatureLayout,
    FeatureSpec,
    Jpeg,
    Label,
    Raw,
    SpecMismatchError,
)


class UnknownCategoryError(KinescribeError, ValueError):
    """Raised for a clip's category that the specification does not know."""


class VideoExample(NamedTuple):
    """The content of one clip's record.

    `features` maps a feature's name to its array, time first: uint8 planes for the
    image encodings, floats for `Raw`. A modality that the clip lacks is absent.
    """

    video_id: str
    captions: tuple[str, ...]
    features: Mapping[str, np.ndarray]
    category: str = ""
    clip_length: str = ""
    clip_hash: str = ""
    labels: tuple[str, ...] = ()


class ParsedBatch(NamedTuple):
    """A parsed batch of records, as padded tensors.

    Features stay as stored (uint8 planes, float16 values), since they are several times
    smaller than float32; `keras_models` casts them. Time is padded with zeros to the
    specification's `max_steps`.
    """

    video_id: tf.Tensor  # (B,) string
    captions: tf.RaggedTensor  # (B, None) string
    category: tf.Tensor  # (B,) string
    features: dict[str, tf.Tensor]  # each (B, T, …)
    masks: dict[str, tf.Tensor]  # each (B, T) bool, True where there is a step


def length_bucket(seconds: float) -> str:
    """Returns the `clip_length` slice of a clip."""
    for limit in (5, 10, 20, 60):
        if seconds < limit:
            return f"under_{limit}s"
    return "60s_and_over"


def to_example(
    video: VideoExample, spec: FeatureSpec, encoded: Mapping[str, bytes] | None = None
) -> tf.train.Example:
    """Converts a clip to a record.

    Args:
        video: The clip. Its category gives the features that name one.
        spec: What its features were made by; its hash goes into the record.
        encoded: The features already as bytes, in place of `video.features`.

    Raises:
        UnknownCategoryError: Such a feature does not know the clip's category.
    """
    if encoded is None:
        tensors = [spec.tensor(name) for name in video.features]
        encoded = {t.name: encode_tensor(video.features[t.name], t) for t in tensors}
    encoded = {**_from_category(video.category, spec), **encoded}
    missing = [tensor.name for tensor in spec.tensors() if tensor.name not in encoded]
    strings: dict[str, list[bytes]] = {
        schema.VIDEO_ID: [video.video_id.encode()],
        schema.CAPTIONS: [caption.encode() for caption in video.captions],
        schema.CATEGORY: [video.category.encode()],
        schema.CLIP_LENGTH: [video.clip_length.encode()],
        schema.CLIP_HASH: [video.clip_hash.encode()],
        schema.MISSING: [",".join(missing).encode() or b"none"],
        schema.SPEC_HASH: [spec.content_hash.encode()],
    } | {name: [data] for name, data in encoded.items()}
    if video.labels:
        strings[schema.LABELS] = [label.encode() for label in video.labels]
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                key: tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
                for key, values in strings.items()
            }
        )
    )


def _from_category(category: str, spec: FeatureSpec) -> dict[str, bytes]:
    encoded_features = {}
    for tensor in spec.tensors():
        if not category or not isinstance(tensor.encoding, Label):
            continue
        if category not in tensor.encoding.names:
            raise UnknownCategoryError(
                f"there is no category {category!r}; feature {tensor.name} has "
                f"{', '.join(tensor.encoding.names)}."
            )
        encoded_features[tensor.name] = category.encode()
    return encoded_features


def from_example(example: tf.train.Example, spec: FeatureSpec) -> VideoExample:
    """Converts a record to a clip; refuses records of another specification."""
    entries = {
        key: list(feature.bytes_list.value)
        for key, feature in example.features.feature.items()
    }

    def text(key: str) -> str:
        return (entries.get(key) or [b""])[0].decode()

    check_spec_hash(text(schema.SPEC_HASH), spec, f"record {text(schema.VIDEO_ID)}")
    return VideoExample(
        video_id=text(schema.VIDEO_ID),
        captions=tuple(value.decode() for value in entries.get(schema.CAPTIONS, [])),
        features={
            tensor.name: decode_tensor(entries[tensor.name][0], tensor)
            for tensor in spec.tensors()
            if any(entries.get(tensor.name, []))
        },
        category=text(schema.CATEGORY),
        clip_length=text(schema.CLIP_LENGTH),
        clip_hash=text(schema.CLIP_HASH),
        labels=tuple(value.decode() for value in entries.get(schema.LABELS, [])),
    )


def check_spec_hash(stored_hash: str, spec: FeatureSpec, where: str) -> None:
    """Raises `SpecMismatchError` unless a record's hash is the expected one."""
    if stored_hash != spec.content_hash:
        raise SpecMismatchError(
            f"{where} has features of specification {stored_hash or 'unknown'}, but "
            f"{spec.content_hash} is expected; extract the clips again or use the "
            "model that goes with them."
        )


def parse(serialized: tf.Tensor, spec: FeatureSpec) -> ParsedBatch:
    """Parses (B,) serialized records in graph, with core ops only.

    A record of another specification makes the op fail with both hashes.
    """
    columns: dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature] = {
        key: tf.io.FixedLenFeature([], tf.string, "")
        for key in (schema.VIDEO_ID, schema.CATEGORY, schema.SPEC_HASH)
    }
    columns[schema.CAPTIONS] = tf.io.RaggedFeature(tf.string)
    for tensor in spec.tensors():
        columns[tensor.name] = tf.io.FixedLenFeature([], tf.string, "")
    parsed = tf.io.parse_example(serialized, columns)
    check = require_spec(parsed[schema.SPEC_HASH], spec)
    with tf.control_dependencies([check]):
        video_id = tf.identity(parsed[schema.VIDEO_ID])
        features, masks = {}, {}
        for tensor in spec.tensors():
            values, mask = decode_batch(tf.identity(parsed[tensor.name]), tensor)
            features[tensor.name], masks[tensor.name] = values, mask
    return ParsedBatch(
        video_id, parsed[schema.CAPTIONS], parsed[schema.CATEGORY], features, masks
    )


def require_spec(stored_hashes: tf.Tensor, spec: FeatureSpec) -> tf.Operation:
    """Returns an op that fails unless all (B,) hashes are the specification's."""
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(stored_hashes, spec.content_hash)),
        [
            "Features of another specification: expected",
            spec.content_hash,
            "got",
            stored_hashes,
        ],
    )


def decode_batch(data: tf.Tensor, tensor: FeatureLayout) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes (B,) bytes to (B, T, …) stored values and a (B, T) mask."""
    if isinstance(tensor.encoding, Raw):
        size = 2 * math.prod(tensor.step_shape)
        steps = tf.strings.length(data) // size  # (B,)
        # Pads with zeros; it has no float16 kernel, hence the bitcast.
        flat = tf.io.decode_raw(data, tf.int16, fixed_length=size * tensor.max_steps)
        values = tf.reshape(
            tf.bitcast(flat, tf.float16), [-1, tensor.max_steps, *tensor.step_shape]
        )
    elif isinstance(tensor.encoding, Label):
        same = tf.equal(data[:, None], tf.constant(tensor.encoding.names))  # (B, names)
        values = tf.cast(same, tf.float16)[:, None]
        steps = tf.cast(tf.reduce_any(same, axis=1), tf.int32)
    else:
        values, steps = tf.map_fn(
            lambda item: _decode_planes(item, tensor),
            data,
            fn_output_signature=(
                tf.TensorSpec([tensor.max_steps, *tensor.step_shape], tf.uint8),
                tf.TensorSpec([], tf.int32),
            ),
        )
    return values, tf.sequence_mask(steps, tensor.max_steps)


def _decode_planes(
    data: tf.Tensor, tensor: FeatureLayout
) -> tuple[tf.Tensor, tf.Tensor]:
    rows, columns, planes = tensor.step_shape

    def decode() -> tf.Tensor:
        if isinstance(tensor.encoding, Jpeg):
            # OpenCV's decoder, which `decode_tensor` uses, is the accurate one too.
            return tf.io.decode_jpeg(data, channels=1, dct_method="INTEGER_ACCURATE")
        return tf.io.decode_png(data, channels=1)

    image = tf.cond(
        tf.equal(tf.strings.length(data), 0),
        lambda: tf.zeros([0, columns, 1], tf.uint8),
        decode,
    )
    stacked = tf.reshape(image, [-1, planes, rows, columns])
    steps = tf.shape(stacked)[0]
    values = tf.transpose(stacked, [0, 2, 3, 1])  # (steps, rows, columns, planes)
    values = tf.pad(values, [[0, tensor.max_steps - steps], [0, 0], [0, 0], [0, 0]])
    return tf.ensure_shape(values, [tensor.max_steps, rows, columns, planes]), steps
