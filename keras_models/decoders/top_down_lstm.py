"""Decoder of an attention LSTM and a language LSTM above it."""

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
from keras_models.structs import EncodedVideo, State
from transform.common.config import Config, Field


class TopDownLSTMConfig(Config):
    """The decoder of the VATEX-2019 system (Chen et al., 2019, Sec. 2.2).

    The paper gives no sizes.
    """

    kind: Literal["top_down_lstm"] = "top_down_lstm"
    units: int = Field(512, ge=1)  # of each LSTM
    embedding: int = Field(512, ge=1)  # numbers of a word's vector
    dropout: float = Field(0.5, ge=0, lt=1)  # share of values that are left out

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> TopDownLSTM:
        """Returns the decoder, which can write captions of any length."""
        del max_words
        return TopDownLSTM(self, vocabulary_size, attentions, name="decoder")


class TopDownState(NamedTuple):
    """States of both LSTMs and of the attentions after a word."""

    lower: LSTMState
    upper: LSTMState
    attentions: tuple[State, ...]


class TopDownMemory(NamedTuple):
    """Attentions' memories and the video's part of the gates, made once a clip."""

    attentions: tuple[Any, ...]
    video: tf.Tensor  # (B, 4U), the summary's part of the lower LSTM's input


class TopDownLSTM(Decoder):
    """Decoder whose lower LSTM reads the whole video, the upper one the attended part.

        h1_t = LSTM([v̄, w_{t−1}, h2_{t−1}], h1_{t−1})        v̄: the encoder's summary
        c_t  = Attention(h1_t)                    several: concatenated; none: left out
        h2_t = LSTM([c_t, h1_t], h2_{t−1})
        p    = softmax(W_y h2_t + b_y)                       Eq. 1–5

    Dropout is on the words' embeddings, on c and on what enters the output layer. Both
    LSTMs start at 0.
    """

    def __init__(
        self,
        config: TopDownLSTMConfig,
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
        self.lower_video = input_projection(units, "lower_video", bias=True)
        self.lower_words = input_projection(units, "lower_words")
        self.lower_upper = input_projection(units, "lower_upper")
        self.lower = LSTMCell(units, name="lower")
        self.upper_lower = input_projection(units, "upper_lower", bias=True)
        self.upper_video = input_projection(units, "upper_video")
        self.upper = LSTMCell(units, name="upper")
        self.embedding_dropout = Dropout(config.dropout, name="embedding_dropout")
        self.video_dropout = Dropout(config.dropout, name="video_dropout")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[TopDownState, TopDownMemory]:
        """Returns a state of zeros and a memory with the attentions' memories."""
        batch = tf.shape(encoded.frames)[0]
        attentions, memories = attend_all.prepare(self.attentions, encoded, training)
        state = TopDownState(
            self.lower.zero_state(batch),
            self.upper.zero_state(batch),
            attentions,
        )
        return state, TopDownMemory(memories, self.lower_video(encoded.summary))

    def advance(
        self,
        tokens: tf.Tensor,
        state: TopDownState,
        memory: TopDownMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        words = self.project_words(
            tokens, self.lower_words, self.embedding_dropout, training
        )
        lower = self.lower(  # Eq. 1
            memory.video + words + self.lower_upper(state.upper.hidden),
            state.lower,
        )
        contexts, attentions = attend_all.attend(
            self.attentions, lower.hidden, memory.attentions, state.attentions, training
        )
        projected = self.upper_lower(lower.hidden)
        if contexts:
            video = tf.concat([context.vector for context in contexts], axis=-1)
            projected += self.upper_video(self.video_dropout(video, training=training))
        upper = self.upper(projected, state.upper)  # Eq. 4
        state = TopDownState(lower, upper, attentions)
        return Advance(upper.hidden, state, contexts)

    def word_projection(self) -> Projection:
        """Returns the projection of words to the lower LSTM's gates."""
        return self.lower_words
