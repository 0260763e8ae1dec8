"""Decoder of two stacked LSTMs with attention between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention import attend_all
from keras_models.attention.base import StepAttention
from keras_models.decoders.decoder import Advance, Decoder
from keras_models.layers.dropout import Dropout
from keras_models.layers.lstm_cell import LSTMCell, LSTMState, input_projection
from keras_models.layers.projection import Projection
from keras_models.structs import Context, EncodedVideo, State
from transform.common.config import Config, Field


class TwoLayerLSTMConfig(Config):
    """The decoder of MGSA (Chen and Jiang, 2019, Sec. 3.3)."""

    kind: Literal["two_layer_lstm"] = "two_layer_lstm"
    units: int = Field(1024, ge=1)  # Sec. 4.2
    embedding: int = Field(512, ge=1)  # Sec. 4.2
    dropout: float = Field(0.5, ge=0, lt=1)  # Sec. 4.2: vertical connections

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> TwoLayerLSTM:
        """Returns the decoder, which can write captions of any length."""
        del max_words
        return TwoLayerLSTM(self, vocabulary_size, attentions, name="decoder")


class TwoLayerState(NamedTuple):
    """States of both LSTMs and of the attentions after a word."""

    lower: LSTMState
    upper: LSTMState
    attentions: tuple[State, ...]


class TwoLayerMemory(NamedTuple):
    """Attentions' memories and clip vectors, the same for every word."""

    attentions: tuple[Any, ...]
    clip_vectors: tuple[tf.Tensor, ...]  # each (B, ·)


class ProjectedMemory(NamedTuple):
    """A memory whose values are projected to the upper LSTM's gates already.

    `keras_models.inference.projected_values` makes it of a `TwoLayerMemory`.
    """

    attentions: tuple[Any, ...]  # their vectors are (B, 4U)
    clip: tuple[tf.Tensor, ...]  # (B, 4U), the clip vectors' part


class TwoLayerLSTM(Decoder):
    """Decoder whose lower LSTM reads words, the upper one what attention gives.

        h1_t, c1_t = LSTM1(x_{t−1}, ·)
        G_t = Attention([h1_t, h2_{t−1}])            several: concatenated
        h2_t, c2_t = LSTM2([h1_t, G_t, clip vectors], ·)
        y_t = softmax(W_o h2_t + b_o)                Eq. 9–12

    Dropout is on the vertical connections (Zaremba et al., 2014): what enters each LSTM
    and the output layer, with a fresh mask at every word. Both LSTMs start at 0.

    Notes:
        The paper's Eq. 11 attends with h2_t, which Eq. 10 computes from the attended
        vector; h2_{t−1} is the causal reading.
    """

    def __init__(
        self,
        config: TwoLayerLSTMConfig,
        vocabulary_size: int,
        attentions: Sequence[StepAttention],
        **kwargs: Any,
    ):
        super().__init__(
            vocabulary_size,
            attentions,
            embedding=config.embedding,
            dropout=config.dropout,
            **kwargs,
        )
        self.config = config
        units = config.units
        self.lower_words = input_projection(units, "lower_words", bias=True)
        self.lower = LSTMCell(units, name="lower")
        self.upper_lower = input_projection(units, "upper_lower", bias=True)
        self.upper_video = input_projection(units, "upper_video")
        self.upper_clip = input_projection(units, "upper_clip")
        self.upper = LSTMCell(units, name="upper")
        self.embedding_dropout = Dropout(config.dropout, name="embedding_dropout")
        self.lower_dropout = Dropout(config.dropout, name="lower_dropout")
        self.video_dropout = Dropout(config.dropout, name="video_dropout")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[TwoLayerState, TwoLayerMemory]:
        """Returns a state of zeros and a memory with the attentions' memories."""
        batch = tf.shape(encoded.frames)[0]
        attentions, memories = attend_all.prepare(self.attentions, encoded, training)
        state = TwoLayerState(
            self.lower.zero_state(batch),
            self.upper.zero_state(batch),
            attentions,
        )
        return state, TwoLayerMemory(memories, encoded.clip_vectors)

    def advance(
        self,
        tokens: tf.Tensor,
        state: TwoLayerState,
        memory: TwoLayerMemory | ProjectedMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        words = self.project_words(
            tokens, self.lower_words, self.embedding_dropout, training
        )
        lower = self.lower(words, state.lower)

        query = tf.concat([lower.hidden, state.upper.hidden], axis=-1)  # Eq. 11
        contexts, attentions = attend_all.attend(
            self.attentions, query, memory.attentions, state.attentions, training
        )

        upper = self.upper(  # Eq. 10
            self.upper_lower(self.lower_dropout(lower.hidden, training=training))
            + self._from_video(contexts, memory, training),
            state.upper,
        )
        state = TwoLayerState(lower, upper, attentions)
        return Advance(upper.hidden, state, contexts)

    def word_projection(self) -> Projection:
        """Returns the projection of words to the lower LSTM's gates."""
        return self.lower_words

    def _from_video(
        self,
        contexts: tuple[Context, ...],
        memory: TwoLayerMemory | ProjectedMemory,
        training: bool,
    ) -> tf.Tensor:
        """Returns the video's part (B, 4U) of the upper LSTM's input."""
        vectors = [context.vector for context in contexts]
        if isinstance(memory, ProjectedMemory):
            return tf.add_n([*vectors, *memory.clip])
        attended = self.video_dropout(tf.concat(vectors, axis=-1), training=training)
        projected = self.upper_video(attended)
        if memory.clip_vectors:
            clip = tf.concat(memory.clip_vectors, axis=-1)
            projected += self.upper_clip(self.video_dropout(clip, training=training))
        return projected
