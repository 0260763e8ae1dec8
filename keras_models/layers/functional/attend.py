"""Masked softmax of scores and the weighted sum of values."""

from __future__ import annotations

import tensorflow as tf

from keras_models.layers.functional.masking import masked_softmax


def attend(
    scores: tf.Tensor, values: tf.Tensor, mask: tf.Tensor, batch_dims: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighs values by the softmax of their items' scores and sums them.

    The items are numbered by all axes N… of the scores behind the batch axes: one
    softmax covers all of them.

    Args:
        scores: (B, N…).
        values: (B, N…, D…), what is summed.
        mask: (B, N…) bool, True for items that may be attended.
        batch_dims: How many axes B stands for.

    Returns:
        The sum (B, D…) in the values' dtype and the weights (B, N…) in float32. Both
        are 0 where the mask has no item.
    """
    weights = masked_softmax(
        flatten_items(scores, batch_dims), flatten_items(mask, batch_dims)
    )
    weights = restore_items(weights, scores)
    return weighted_sum(weights, values, batch_dims), weights


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
