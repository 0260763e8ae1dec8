"""Softmax and mean over the items that are there."""

from __future__ import annotations

import tensorflow as tf


def masked_softmax(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis of (…, N) scores where (…, N) `mask` is True.

    Masked items get exactly 0; where nothing is there, all weights are 0. Computed in
    float32 whatever the scores' dtype.
    """
    scores = tf.cast(scores, tf.float32)
    weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min))
    return tf.where(mask, weights, 0.0)


def masked_mean(values: tf.Tensor, mask: tf.Tensor, axis: int = 1) -> tf.Tensor:
    """Mean over an axis of (B, T, …) values where `mask` is True, else 0.

    The mask has the values' first axes, (B, T) or more of them, and `axis` among them.
    """
    mask = expand_mask(mask, values)
    total = tf.reduce_sum(tf.where(mask, values, 0), axis=axis)
    count = tf.reduce_sum(tf.cast(mask, values.dtype), axis=axis)
    return tf.math.divide_no_nan(total, count)


def expand_mask(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """(B, T) → (B, T, 1, …) of the rank of (B, T, …) values."""
    for _ in range(values.shape.rank - mask.shape.rank):
        mask = mask[..., tf.newaxis]
    return mask


def present_regions(regions: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Which of (B, T, R, D) regions are there, in steps where (B, T) `mask` is True.

    A detector that finds fewer than R regions leaves all-zero rows. (B, T, R) bool.
    """
    return tf.reduce_any(regions != 0, axis=-1) & mask[..., tf.newaxis]
