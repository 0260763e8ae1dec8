"""Self-attention over the words written so far."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.masking import masked_softmax
from keras_models.layers.projection import Projection


class WordMemory(NamedTuple):
    """The words read so far, 0 behind them: beams need shapes that never change."""

    keys: tf.Tensor  # (B, L, E)
    values: tf.Tensor  # (B, L, E)
    read: tf.Tensor  # (B,) int32, how many


class WordAttention(tf.keras.layers.Layer):
    """Single-head self-attention (Vaswani et al., 2017, Eq. 1) of the last word.

        a_ti = softmax_{i ≤ t}( ⟨W_q w_t, W_k w_i⟩ / √E ) ;  s_t = Σ_i a_ti W_v w_i

    STaTS (Sec. 4.1) joins s_t to the LSTM's state before it looks at the video. Words
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
        """No word read, room for `length` of them."""
        zeros = tf.zeros([batch, length, self.width], self.compute_dtype)
        return WordMemory(zeros, zeros, tf.zeros([batch], tf.int32))

    def call(
        self, words: tf.Tensor, memory: WordMemory
    ) -> tuple[tf.Tensor, WordMemory]:
        places = tf.range(tf.shape(memory.keys)[1])[tf.newaxis]  # (1, L)
        read = memory.read[:, tf.newaxis]  # (B, 1)
        here = (places == read)[..., tf.newaxis]  # (B, L, 1)
        memory = WordMemory(
            keys=tf.where(here, self.key(words)[:, tf.newaxis], memory.keys),
            values=tf.where(here, self.value(words)[:, tf.newaxis], memory.values),
            read=memory.read + 1,
        )
        scores = tf.einsum("be,ble->bl", self.query(words), memory.keys)
        weights = masked_softmax(scores * self.width**-0.5, places <= read)
        values = memory.values
        attended = tf.einsum("bl,ble->be", tf.cast(weights, values.dtype), values)
        return attended, memory
