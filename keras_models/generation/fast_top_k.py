"""`fast_top_k`: a top-k for large vocabularies."""

from __future__ import annotations

import math

import tensorflow as tf


def fast_top_k(scores: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the `count` largest of (R, V) scores, as `tf.math.top_k` does.

    For large V it is several times faster. The `count` best are in the `count` groups
    of tokens whose maxima are the highest: only those are sorted. Of equal scores the
    one with the lower id comes first, as with `top_k`.

    Returns:
        Values and int32 ids, each (R, min(count, V)), best first.
    """
    rows, size = tf.shape(scores)[0], scores.shape[-1]
    if size is None:
        raise ValueError("the number of words must be known")
    group = math.isqrt(size)
    groups = -(-size // group)
    if groups <= count:
        return tf.math.top_k(scores, min(count, size))
    padding = [[0, 0], [0, groups * group - size]]
    grouped = tf.pad(scores, padding, constant_values=-math.inf)
    grouped = tf.reshape(grouped, [rows, groups, group])
    _, chosen = tf.math.top_k(tf.reduce_max(grouped, axis=-1), count)
    chosen = tf.sort(chosen)  # (R, k)
    candidates = tf.gather(grouped, chosen, axis=1, batch_dims=1)  # (R, k, group)
    values, positions = tf.math.top_k(tf.reshape(candidates, [rows, -1]), count)
    within = tf.gather(chosen, positions // group, axis=1, batch_dims=1)
    return values, within * group + positions % group
