"""Softmax and mean over the unmasked items."""

from __future__ import annotations

import tensorflow as tf


def masked_softmax(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the softmax over the last axis of (…, N) scores where `mask` is True.

    Masked items get exactly 0; where all items are masked, all weights are 0. It is
    computed in float32 whatever the scores' dtype.
    """
    scores = tf.cast(scores, tf.float32)
    weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min))
    return tf.where(mask, weights, 0.0)


def masked_mean(values: tf.Tensor, mask: tf.Tensor, axis: int = 1) -> tf.Tensor:
    """Returns the mean over an axis of (B, T, …) values where `mask` is True.

    It is 0 where all values are masked.

    The mask has the values' first axes, (B, T) or more of them, and `axis` among them.
    """
    mask = expand_mask(mask, values)
    total = tf.reduce_sum(tf.where(mask, values, 0), axis=axis)
    count = tf.reduce_sum(tf.cast(mask, values.dtype), axis=axis)
    return tf.math.divide_no_nan(total, count)


def expand_mask(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Adds axes of 1 to a mask (B, T) until it has the rank of (B, T, …) values."""
    for _ in range(values.shape.rank - mask.shape.rank):
        mask = mask[..., tf.newaxis]
    return mask


def present_regions(regions: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns which of (B, T, R, D) regions were detected in the unmasked steps.

    A detector that finds fewer than R regions leaves all-zero rows. (B, T, R) bool.
    """
    return tf.reduce_any(regions != 0, axis=-1) & mask[..., tf.newaxis]
