"""Two stacked LSTMs with attention between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import pydantic
import tensorflow as tf

from keras_models.attention import several
from keras_models.attention.step_attention import StepAttention
from keras_models.decoders.decoder import Advance, Decoder
from keras_models.layers.dropout import Dropout
from keras_models.layers.lstm_cell import LSTMCell, LSTMState, input_projection
from keras_models.structs import EncodedVideo, State
from transform.config import Config


class TwoLayerLSTMConfig(Config):
    """The decoder of MGSA (Chen and Jiang, 2019, Sec. 3.3)."""

    kind: Literal["two_layer_lstm"] = "two_layer_lstm"
    units: int = pydantic.Field(1024, ge=1)  # Sec. 4.2
    embedding: int = pydantic.Field(512, ge=1)  # Sec. 4.2
    dropout: float = pydantic.Field(0.5, ge=0, lt=1)  # Sec. 4.2: vertical connections

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> TwoLayerLSTM:
        """The decoder; it fits captions of any length."""
        del max_words
        return TwoLayerLSTM(self, vocabulary_size, attentions, name="decoder")


class TwoLayerState(NamedTuple):
    """What changes from word to word."""

    lower: LSTMState
    upper: LSTMState
    attentions: tuple[State, ...]


class TwoLayerMemory(NamedTuple):
    """What does not."""

    attentions: tuple[Any, ...]
    clip_vectors: tuple[tf.Tensor, ...]  # each (B, ·)


class TwoLayerLSTM(Decoder):
    """The lower LSTM reads words, the upper one what attention makes of the video.

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
        super().__init__(**kwargs)
        self.config = config
        self.attentions = tuple(attentions)
        units = config.units
        self.embedding = tf.keras.layers.Embedding(
            vocabulary_size, config.embedding, name="embedding"
        )
        self.lower_words = input_projection(units, "lower_words", bias=True)
        self.lower = LSTMCell(units, name="lower")
        self.upper_lower = input_projection(units, "upper_lower", bias=True)
        self.upper_video = input_projection(units, "upper_video")
        self.upper = LSTMCell(units, name="upper")
        self.words = tf.keras.layers.Dense(vocabulary_size, name="words")
        self.embedding_dropout = Dropout(config.dropout, name="embedding_dropout")
        self.lower_dropout = Dropout(config.dropout, name="lower_dropout")
        self.video_dropout = Dropout(config.dropout, name="video_dropout")
        self.output_dropout = Dropout(config.dropout, name="output_dropout")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[TwoLayerState, TwoLayerMemory]:
        """Zeros, and the attentions' memories."""
        batch = tf.shape(encoded.frames)[0]
        attentions, memories = several.start(self.attentions, encoded, training)
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
        memory: TwoLayerMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids."""
        words = self.embedding_dropout(self.embedding(tokens), training=training)
        lower = self.lower(self.lower_words(words), state.lower)

        query = tf.concat([lower.hidden, state.upper.hidden], axis=-1)  # Eq. 11
        contexts, attentions = several.look(
            self.attentions, query, memory.attentions, state.attentions, training
        )

        vectors = [context.vector for context in contexts]
        video = tf.concat([*vectors, *memory.clip_vectors], axis=-1)
        upper = self.upper(  # Eq. 10
            self.upper_lower(self.lower_dropout(lower.hidden, training=training))
            + self.upper_video(self.video_dropout(video, training=training)),
            state.upper,
        )
        state = TwoLayerState(lower, upper, attentions)
        return Advance(upper.hidden, state, contexts)

    def project(self, outputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """(…, U) → (…, V) float32 log-probabilities."""
        logits = self.words(self.output_dropout(outputs, training=training))
        return tf.nn.log_softmax(tf.cast(logits, tf.float32))  # Eq. 12
