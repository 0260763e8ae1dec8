"""Additive attention score, by a network of one hidden layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.layers.functional.clip_rows import group_by_clip, ungroup
from keras_models.layers.projection import Projection


class AdditiveScore(tf.keras.layers.Layer):
    """Scores items against a query (Bahdanau et al., 2015).

        att(h, x) = w^T tanh(W_h h + W_x x + b)          (Cherian et al., 2020, Eq. 2)

    `keys` computes W_x x + b, for items that stay the same from word to word once. In
    mixed precision only the products are rounded: keys and scores are float32.

    Call arguments:
        query: (R, Q), h; several adjacent ones may be of one clip.
        keys: (B, …, A), the keys of any number of a clip's items.

    Returns:
        (R, …), the scores.
    """

    def __init__(
        self, units: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.units = units

        def projection(units: int, name: str, **settings: Any) -> Projection:
            return Projection(
                units, kernel_initializer=kernel_initializer, name=name, **settings
            )

        self.key = projection(units, "key")
        self.query = projection(units, "query", use_bias=False)
        self.score = projection(1, "score", use_bias=False, dtype=self.variable_dtype)

    def keys(self, items: tf.Tensor) -> tf.Tensor:
        """Returns the keys (B, …, A) of items (B, …, D)."""
        with tf.name_scope(self.name):
            return tf.cast(self.key(items), self.variable_dtype)

    def call(self, query: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        projected = tf.cast(self.query(query), self.variable_dtype)  # (R, A)
        hidden = group_by_clip(projected, keys)  # (B, K, A)
        for _ in range(keys.shape.rank - 2):
            hidden = tf.expand_dims(hidden, axis=2)
        scores = self.score(tf.tanh(hidden + keys[:, tf.newaxis]))  # (B, K, …, 1)
        return ungroup(tf.squeeze(scores, axis=-1))
