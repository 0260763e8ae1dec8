"""Multiplicative attention score, by the product of projections."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.layers.functional.clip_rows import group_by_clip, ungroup
from keras_models.layers.projection import Projection


class MultiplicativeScore(tf.keras.layers.Layer):
    """Scores items against a query by the product of their projections.

        a = w^T tanh(W_q q ⊙ W_v v)                 (Shi et al., 2019, Eq. 8 and 14)

    `keys` computes W_v v, for items that stay the same from word to word once.

    Call arguments:
        query: (R, Q), q; several adjacent ones may be of one clip.
        keys: (B, N, A), of a clip's N items.

    Returns:
        (R, N), the scores.

    Notes:
        The paper adds a bias to every score alike; no softmax can tell, so there is
        none here.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.key = tf.keras.layers.Dense(units, use_bias=False, name="key")
        self.query = Projection(units, use_bias=False, name="query")
        self.score = tf.keras.layers.Dense(1, use_bias=False, name="score")

    def keys(self, items: tf.Tensor) -> tf.Tensor:
        """Returns the keys (B, N, A) of items (B, N, D)."""
        with tf.name_scope(self.name):
            return self.key(items)

    def call(self, query: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        queries = group_by_clip(self.query(query), keys)  # (B, K, A)
        hidden = tf.tanh(queries[:, :, tf.newaxis] * keys[:, tf.newaxis])
        return ungroup(tf.squeeze(self.score(hidden), axis=-1))
