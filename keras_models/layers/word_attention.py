"""Self-attention of a decoder over the words so far."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.attend import attend
from keras_models.layers.projection import Projection


class WordMemory(NamedTuple):
    """The words read so far, padded with 0: beams need shapes that never change."""

    keys: tf.Tensor  # (B, L, E)
    values: tf.Tensor  # (B, L, E)
    read: tf.Tensor  # (B,) int32, how many


class WordAttention(tf.keras.layers.Layer):
    """Single-head self-attention of the last word (Vaswani et al., 2017, Eq. 1).

        a_ti = softmax_{i ≤ t}( ⟨W_q w_t, W_k w_i⟩ / √E ) ;  s_t = Σ_i a_ti W_v w_i

    STaTS (Sec. 4.1) joins s_t to the LSTM's state before it attends to the video. Words
    carry no position: their order is in the LSTM.

    Call arguments:
        words: (B, E), the embeddings w_t of the last word.
        memory: `WordMemory` of the words before it.

    Returns:
        s_t (B, E) and the next `WordMemory`.
    """

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        self.query = Projection(width, use_bias=False, name="query")
        self.key = Projection(width, use_bias=False, name="key")
        self.value = Projection(width, use_bias=False, name="value")

    def empty(self, batch: tf.Tensor | int, length: int) -> WordMemory:
        """Returns a memory without a word, with room for `length` of them."""
        zeros = tf.zeros([batch, length, self.width], self.compute_dtype)
        return WordMemory(zeros, zeros, tf.zeros([batch], tf.int32))

    def call(
        self, words: tf.Tensor, memory: WordMemory
    ) -> tuple[tf.Tensor, WordMemory]:
        positions = tf.range(tf.shape(memory.keys)[1])[tf.newaxis]  # (1, L)
        read = memory.read[:, tf.newaxis]  # (B, 1)
        is_last = (positions == read)[..., tf.newaxis]  # (B, L, 1)
        memory = WordMemory(
            keys=tf.where(is_last, self.key(words)[:, tf.newaxis], memory.keys),
            values=tf.where(is_last, self.value(words)[:, tf.newaxis], memory.values),
            read=memory.read + 1,
        )
        scores = tf.einsum("be,ble->bl", self.query(words), memory.keys)
        attended, _ = attend(
            scores * self.width**-0.5, memory.values, positions <= read
        )
        return attended, memory
