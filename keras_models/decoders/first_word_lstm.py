"""Decoder of one LSTM whose first word depends on the clip's summary alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Optional

import tensorflow as tf

from keras_models.attention import attend_all
from keras_models.attention.base import StepAttention
from keras_models.decoders.decoder import Advance, Decoder
from keras_models.layers.initializers import INITIAL_RANGE, first_weights
from keras_models.layers.lstm_cell import LSTMCell, LSTMState
from keras_models.layers.projection import Projection
from keras_models.structs import EncodedVideo, State
from transform.common.config import Config, Field
from transform.records.vocabulary import BOS


class FirstWordLSTMConfig(Config):
    """The decoder of dualAFR (Pu et al., 2018)."""

    kind: Literal["first_word_lstm"] = "first_word_lstm"
    units: int = Field(512, ge=1)  # appendix
    embedding: int = Field(300, ge=1)  # appendix: as long as word2vec's
    dropout: float = Field(0.5, ge=0, lt=1)  # used, but not said where and how
    # of first weights but the recurrent, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> FirstWordLSTM:
        """Returns the decoder, which can write captions of any length."""
        del max_words
        return FirstWordLSTM(self, vocabulary_size, attentions, name="decoder")


class FirstWordState(NamedTuple):
    """State of the LSTM and the attentions after a word."""

    lstm: LSTMState
    attentions: tuple[State, ...]


class FirstWordMemory(NamedTuple):
    """Attentions' memories, the same for every word."""

    attentions: tuple[Any, ...]


class FirstWordLSTM(Decoder):
    """Decoder that attends to the video from the second word on.

        h_1 = tanh(C a + b_C) ,  c_1 = 0                a: the encoder's summary
        z_t = Attention(h_{t−1})            several: concatenated; none: left out
        h_t, c_t = LSTM([w_{t−1}, z_t], ·)              t ≥ 2
        y_t = softmax(V h_t + b_V)                      (Pu et al., 2018, Eq. 1)

    Reading <bos> changes nothing and gives h_1; the contexts of that step are all 0.
    Dropout is on what enters the output layer. The recurrent kernel begins orthogonal,
    all others in U(−r, r) with r the `initial_range`, biases at 0.

    Notes:
        c_1 is not given in the paper.
    """

    def __init__(
        self,
        config: FirstWordLSTMConfig,
        vocabulary_size: int,
        attentions: Sequence[StepAttention],
        **kwargs: Any,
    ):
        super().__init__(
            vocabulary_size,
            attentions,
            embedding=config.embedding,
            dropout=config.dropout,
            kernel_initializer=first_weights(config.initial_range),
            embeddings_initializer=first_weights(config.initial_range),
            **kwargs,
        )
        units = config.units

        def projection(units: int, name: str, **settings: Any) -> Projection:
            initializer = first_weights(config.initial_range)
            return Projection(
                units, kernel_initializer=initializer, name=name, **settings
            )

        self.first = projection(units, "first", activation="tanh")
        self.from_words = projection(4 * units, "from_words")
        self.from_video = projection(4 * units, "from_video", use_bias=False)
        self.lstm = LSTMCell(units, name="lstm")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[FirstWordState, FirstWordMemory]:
        """Returns the state before the first word and the attentions' memories."""
        attentions, memories = attend_all.prepare(self.attentions, encoded, training)
        hidden = self.first(encoded.summary)  # h_1
        state = FirstWordState(self.lstm.initial_state(hidden), attentions)
        return state, FirstWordMemory(memories)

    def advance(
        self,
        tokens: tf.Tensor,
        state: FirstWordState,
        memory: FirstWordMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        contexts, attentions = attend_all.attend(
            self.attentions,
            state.lstm.hidden,
            memory.attentions,
            state.attentions,
            training,
        )
        projected = self.project_words(tokens, self.from_words)
        if contexts:
            vectors = tf.concat([context.vector for context in contexts], axis=-1)
            projected += self.from_video(vectors)
        lstm = self.lstm(projected, state.lstm)

        later = tokens != BOS  # (B,)
        state = _select(later, FirstWordState(lstm, attentions), state)
        zeros = tf.nest.map_structure(tf.zeros_like, contexts)
        return Advance(state.lstm.hidden, state, _select(later, contexts, zeros))

    def word_projection(self) -> Projection:
        """Returns the projection of words to the LSTM's gates."""
        return self.from_words


def _select(rows: tf.Tensor, chosen: Any, otherwise: Any) -> Any:
    """Takes the rows of one nest where `rows` (B,) is True, of another elsewhere."""

    def select(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(rows, [-1] + [1] * (one.shape.rank - 1)), one, other)

    return tf.nest.map_structure(select, chosen, otherwise)
