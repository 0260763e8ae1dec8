"""Attentive LSTM whose first cell state is the encoder's summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.decoders.attentive_lstm import (
    AttentiveLSTM,
    AttentiveMemory,
    AttentiveState,
)
from keras_models.structs import EncodedVideo
from transform.common.config import Config, ConfigError, Field
from transform.records.vocabulary import BOS


class SeededLSTMConfig(Config):
    """The decoder of VRE (Shi et al., 2019, Alg. 2).

    The summary of the video stands for the LSTM's first cell state and for the first
    word: `units` is the size of states, words and summary (Sec. 4.2: all 512).
    """

    kind: Literal["seeded_lstm"] = "seeded_lstm"
    units: int = Field(512, ge=1)  # Sec. 4.2
    dropout: float = Field(0.5, ge=0, lt=1)  # Sec. 4.2: behind the LSTM

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> SeededLSTM:
        """Returns the decoder, which can write captions of any length."""
        del max_words
        return SeededLSTM(
            vocabulary_size,
            attentions,
            units=self.units,
            embedding=self.units,
            dropout=self.dropout,
            name="decoder",
        )


class SeededLSTM(AttentiveLSTM):
    """Attentive LSTM that is seeded with the summary o of the video (Alg. 2).

        h_{−1} = 0 ,  c_{−1} = o
        v_t = Attention([o, h_{t−1}])                     several: concatenated
        h_t, c_t = LSTM([v_t, clip vectors, u_t], ·)      u_0 = o, then word t − 1

    o takes the place of <bos>, which no search and no caption has anywhere else.
    """

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[AttentiveState, AttentiveMemory]:
        """Returns a state with o in its cell, and the attentions' memories."""
        state, memory = super().start(encoded, training)
        width, units = encoded.summary.shape[-1], self.lstm.units
        if width != units:
            raise ConfigError(
                f"decoder.units = {units} is wrong: the summary that the encoder gives "
                f"is of {width} and takes the place of the decoder's state."
            )
        seed = tf.cast(encoded.summary, state.lstm.cell.dtype)
        return state._replace(lstm=state.lstm._replace(cell=seed)), memory

    def query(self, hidden: tf.Tensor, memory: AttentiveMemory) -> tf.Tensor:
        """Returns the attentions' query [o, h] (B, 2U)."""
        return tf.concat([memory.summary, hidden], axis=-1)

    def embed(self, tokens: tf.Tensor, memory: AttentiveMemory) -> tf.Tensor:
        """Returns the embeddings (B, U) of (B,) token ids, o for <bos>."""
        first = (tokens == BOS)[:, tf.newaxis]
        return tf.where(first, memory.summary, self.embedding(tokens))
