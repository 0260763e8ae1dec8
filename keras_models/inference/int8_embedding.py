"""A table of projected word vectors in eight bits."""

from __future__ import annotations

import tensorflow as tf

from keras_models.inference.int8_kernel import LEVELS, TINY
from keras_models.inference.kernel_layouts import frozen_variable


class Int8Embedding:
    """The projections e W + b of V vectors e, each rounded to int8 by its largest part.

    Looking rows of it up takes the place of looking vectors up and multiplying them.
    """

    def __init__(self, vectors: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None):
        rows = tf.matmul(vectors, kernel)
        if bias is not None:
            rows += bias
        largest = tf.reduce_max(tf.abs(rows), axis=1, keepdims=True)
        largest = tf.maximum(largest, TINY)
        levels = tf.cast(tf.round(rows * (LEVELS / largest)), tf.int8)
        self.rows = frozen_variable(levels)
        self.scale = frozen_variable(largest / LEVELS)

    def __call__(self, ids: tf.Tensor) -> tf.Tensor:
        """Looks up the projections (…, N) of token ids (…,)."""
        levels = tf.cast(tf.gather(self.rows, ids), tf.float32)
        return levels * tf.gather(self.scale, ids)
