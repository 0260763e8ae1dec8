"""A table of rows in eight bits."""

from __future__ import annotations

import tensorflow as tf

from keras_models.inference.int8_kernel import LEVELS, TINY
from keras_models.inference.kernel_layouts import stored


class QuantisedTable:
    """The projections e W + b of V vectors e, each rounded to int8 by its largest part.

    Looking rows of it up takes the place of looking vectors up and multiplying them.
    """

    def __init__(self, vectors: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None):
        rows = tf.matmul(vectors, kernel)
        if bias is not None:
            rows += bias
        largest = tf.reduce_max(tf.abs(rows), axis=1, keepdims=True)
        largest = tf.maximum(largest, TINY)
        self.rows = stored(tf.cast(tf.round(rows * (LEVELS / largest)), tf.int8))
        self.scale = stored(largest / LEVELS)

    def __call__(self, ids: tf.Tensor) -> tf.Tensor:
        """(…,) → (…, N)."""
        levels = tf.cast(tf.gather(self.rows, ids), tf.float32)
        return levels * tf.gather(self.scale, ids)
