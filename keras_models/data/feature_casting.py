"""Conversion of stored features to the floats that layers compute with."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from keras_models.layers.functional.masking import expand_mask
from keras_models.structs import TrainingBatch, VideoBatch
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec


def cast_features(
    video: VideoBatch, features: Sequence[str], dtype: tf.DType | str
) -> VideoBatch:
    """Casts stored features to `dtype`, 0 where masked; drops all but `features`.

    uint8 planes become (x − 128) / 127, so that no motion is exactly 0.
    """
    cast, masks = {}, {}
    for name in features:
        values, mask = video.features[name], video.masks[name]
        present = expand_mask(mask, values)
        if values.dtype == tf.uint8:
            values = tf.where(present, values, tf.constant(128, tf.uint8))
            values = (tf.cast(values, dtype) - 128) * (1 / 127)
        else:
            values = tf.where(present, tf.cast(values, dtype), 0)
        cast[name], masks[name] = values, mask
    return VideoBatch(video.video_id, cast, masks)


def check_features(features: Sequence[str], spec: FeatureSpec) -> None:
    """Raises `KinescribeError` unless the specification has all `features`."""
    names = [tensor.name for tensor in spec.tensors()]
    missing = [name for name in features if name not in names]
    if missing:
        raise KinescribeError(
            f"the model reads {', '.join(missing)}, which specification "
            f"{spec.content_hash} does not have; it has {', '.join(names)}."
        )


def smallest_batch(spec: FeatureSpec) -> TrainingBatch:
    """Returns one clip of one step with one word, by which a model is built."""
    features = {}
    for tensor in spec.tensors():
        features[tensor.name] = tf.zeros([1, 1, *tensor.step_shape], tensor.dtype)
    masks = {name: tf.ones([1, 1], tf.bool) for name in features}
    video = VideoBatch(tf.constant([""]), features, masks)
    return TrainingBatch(video, tf.zeros([1, 1, 1], tf.int32))
