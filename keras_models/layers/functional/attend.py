"""Masked softmax of scores and the weighted sum of values."""

from __future__ import annotations

import tensorflow as tf

from keras_models.layers.functional.clip_rows import (
    group_by_clip,
    repeat_for_captions,
    ungroup,
)
from keras_models.layers.functional.masking import masked_softmax


def attend(
    scores: tf.Tensor, values: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighs values by the softmax of their items' scores and sums them.

    Args:
        scores: (B, N).
        values: (B, N, D…), what is summed.
        mask: (B, N) bool, True for items that may be attended.

    Returns:
        The sum (B, D…) in the values' dtype and the weights (B, N) in float32. Both are
        0 where the mask has no item.
    """
    weights = masked_softmax(scores, mask)
    return weighted_sum(weights, values), weights


def attend_clips(
    scores: tf.Tensor, values: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`attend` for R = B · K captions, whose clips' values are not copied.

    The items are numbered by all axes N… of the scores behind the first: one softmax
    covers all of them.

    Args:
        scores: (R, N…).
        values: (B, N…, D…).
        mask: (B, N…) bool.

    Returns:
        The sums (R, D…) in the values' dtype and the weights (R, N…) in float32.
    """
    weights = masked_softmax(
        flatten_items(scores), repeat_for_captions(flatten_items(mask), scores)
    )
    weights = restore_items(weights, scores)
    return clip_sums(weights, values), weights


def attend_frames(
    scores: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Attends to the cells of each frame by itself, for R = B · K captions.

    Args:
        scores: (R, T, S).
        cells: (B, T, S, D).
        mask: (B, T, S) bool.

    Returns:
        The frames (R, T, D) in the cells' dtype and the weights (R, T, S) in float32.
    """
    weights = masked_softmax(scores, repeat_for_captions(mask, scores))
    return frame_sums(weights, cells), weights


def frame_sums(weights: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Returns Σ_s w_ts x_ts (R, T, D) of cells (B, T, S, D), for weights (R, T, S).

    T may be 1 in the weights: the same ones for every frame.
    """
    grouped = tf.transpose(group_by_clip(weights, cells), [0, 2, 1, 3])  # (B, T, K, S)
    sums = tf.matmul(tf.cast(grouped, cells.dtype), cells)  # (B, T, K, D)
    return ungroup(tf.transpose(sums, [0, 2, 1, 3]))


def clip_sums(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns Σ w v (R, D…) of clips' values (B, N…, D…), for weights (R, N…)."""
    return ungroup(weighted_sums(group_by_clip(weights, values), values))


def weighted_sum(
    weights: tf.Tensor, values: tf.Tensor, batch_dims: int = 1
) -> tf.Tensor:
    """Returns Σ w v (B, D…) over the axes N… of weights (B, N…), values (B, N…, D…)."""
    one = tf.expand_dims(flatten_items(weights, batch_dims), batch_dims)  # (B, 1, N)
    sums = _sums(one, values, batch_dims, weights.shape.rank)
    return tf.squeeze(sums, batch_dims)


def weighted_sums(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns (B, K, D…): `weighted_sum` by each of K weights (B, K, N…) of a clip."""
    return _sums(flatten_items(weights, 2), values, 1, weights.shape.rank - 1)


def _sums(
    weights: tf.Tensor, values: tf.Tensor, batch_dims: int, last: int
) -> tf.Tensor:
    """Returns (B, K, D…), given weights (B, K, N) of N…, which end at axis `last`.

    It is a product of matrices. `tf.einsum` takes two to four times as long, since it
    copies the values to bring the axis that is summed behind the others.
    """
    batch, others = values.shape[:batch_dims], values.shape[last:]
    shape = tf.shape(values)
    flat = values
    if values.shape.rank != batch_dims + 2 or last != batch_dims + 1:
        sizes = [tf.reduce_prod(shape[batch_dims:last]), tf.reduce_prod(shape[last:])]
        flat = tf.reshape(values, tf.concat([shape[:batch_dims], sizes], axis=0))
    sums = tf.matmul(tf.cast(weights, values.dtype), flat)  # (B, K, D)
    if others.rank != 1:
        count = tf.shape(weights)[batch_dims : batch_dims + 1]
        sums = tf.reshape(
            sums, tf.concat([shape[:batch_dims], count, shape[last:]], axis=0)
        )
    return tf.ensure_shape(sums, [*batch, weights.shape[batch_dims], *others])


def flatten_items(tensor: tf.Tensor, batch_dims: int = 1) -> tf.Tensor:
    """Reshapes (B, N…) to (B, N), which one softmax can cover."""
    if tensor.shape.rank == batch_dims + 1:
        return tensor
    shape = tf.shape(tensor)
    count = tf.reduce_prod(shape[batch_dims:], keepdims=True)
    return tf.reshape(tensor, tf.concat([shape[:batch_dims], count], axis=0))


def restore_items(flat: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Gives a flattened tensor the shape (B, N…) of another one."""
    if like.shape.rank == flat.shape.rank:
        return flat
    return tf.ensure_shape(tf.reshape(flat, tf.shape(like)), like.shape)
