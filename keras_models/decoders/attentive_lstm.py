"""Decoder of one LSTM that attends to the video before every word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention import attend_all
from keras_models.attention.base import StepAttention
from keras_models.decoders.decoder import Advance, Decoder
from keras_models.layers.lstm_cell import LSTMCell, LSTMState, input_projection
from keras_models.structs import EncodedVideo, State
from transform.common.config import Config, Field


class AttentiveLSTMConfig(Config):
    """The decoder of VRE's models without an RNN encoder (Shi et al., 2019)."""

    kind: Literal["attentive_lstm"] = "attentive_lstm"
    units: int = Field(512, ge=1)  # Sec. 4.2
    embedding: int = Field(512, ge=1)  # Sec. 4.2
    dropout: float = Field(0.5, ge=0, lt=1)  # Sec. 4.2: behind the LSTM

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> AttentiveLSTM:
        """Returns the decoder, which can write captions of any length."""
        del max_words
        return AttentiveLSTM(
            vocabulary_size,
            attentions,
            units=self.units,
            embedding=self.embedding,
            dropout=self.dropout,
            name="decoder",
        )


class AttentiveState(NamedTuple):
    """State of the LSTM and the attentions after a word."""

    lstm: LSTMState
    attentions: tuple[State, ...]


class AttentiveMemory(NamedTuple):
    """Attentions' memories and clip features, the same for every word."""

    attentions: tuple[Any, ...]
    clip: tuple[tf.Tensor, ...]  # (B, 4U), the clip vectors' part of the LSTM's input
    summary: tf.Tensor  # (B, D), the encoder's


class AttentiveLSTM(Decoder):
    """Decoder whose LSTM reads what attention, guided by its state, gives.

        v_t = Attention(h_{t−1})                          several: concatenated
        h_t, c_t = LSTM([v_t, clip vectors, u_t], ·)      u_t: embedding of word t − 1
        y_t = softmax(W_o h_t + b_o)

    The LSTM starts at 0. Dropout is on what enters the output layer.
    """

    def __init__(
        self,
        vocabulary_size: int,
        attentions: Sequence[StepAttention],
        *,
        units: int,
        embedding: int,
        dropout: float,
        **kwargs: Any,
    ):
        super().__init__(
            vocabulary_size,
            attentions,
            embedding=embedding,
            dropout=dropout,
            **kwargs,
        )
        self.from_words = input_projection(units, "from_words", bias=True)
        self.from_video = input_projection(units, "from_video")
        self.from_clip = input_projection(units, "from_clip")
        self.lstm = LSTMCell(units, name="lstm")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[AttentiveState, AttentiveMemory]:
        """Returns a state of zeros and a memory with the attentions' memories."""
        attentions, memories = attend_all.prepare(self.attentions, encoded, training)
        vectors = encoded.clip_vectors
        clip = (self.from_clip(tf.concat(vectors, axis=-1)),) if vectors else ()
        zeros = self.lstm.zero_state(tf.shape(encoded.summary)[0])
        return (
            AttentiveState(zeros, attentions),
            AttentiveMemory(memories, clip, encoded.summary),
        )

    def advance(
        self,
        tokens: tf.Tensor,
        state: AttentiveState,
        memory: AttentiveMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        contexts, attentions = attend_all.attend(
            self.attentions,
            self.query(state.lstm.hidden, memory),
            memory.attentions,
            state.attentions,
            training,
        )
        vectors = tf.concat([context.vector for context in contexts], axis=-1)
        projected = self.from_words(self.embed(tokens, memory))
        projected += self.from_video(vectors)
        lstm = self.lstm(tf.add_n([projected, *memory.clip]), state.lstm)
        return Advance(lstm.hidden, AttentiveState(lstm, attentions), contexts)

    def query(self, hidden: tf.Tensor, memory: AttentiveMemory) -> tf.Tensor:
        """Returns the attentions' query (B, Q), here the hidden state (B, U) itself."""
        del memory
        return hidden

    def embed(self, tokens: tf.Tensor, memory: AttentiveMemory) -> tf.Tensor:
        """Returns the embeddings u_t (B, E) of (B,) token ids."""
        del memory
        return self.embedding(tokens)
