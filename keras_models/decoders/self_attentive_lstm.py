"""Decoder of one LSTM whose queries attend to the words before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention import attend_all
from keras_models.attention.base import StepAttention
from keras_models.decoders.decoder import Advance, Decoder
from keras_models.layers.dropout import Dropout
from keras_models.layers.lstm_cell import LSTMCell, LSTMState, input_projection
from keras_models.layers.word_attention import WordAttention, WordMemory
from keras_models.structs import EncodedVideo, State
from transform.common.config import Config, Field


class SelfAttentiveLSTMConfig(Config):
    """The decoder of STaTS (Cherian et al., 2020, Sec. 3 and 4.1)."""

    kind: Literal["self_attentive_lstm"] = "self_attentive_lstm"
    units: int = Field(512, ge=1)  # not given in the paper
    embedding: int = Field(256, ge=1)  # Sec. 4.1
    dropout: float = Field(0.5, ge=0, lt=1)  # not given in the paper

    def build(
        self, vocabulary_size: int, attentions: Sequence[StepAttention], max_words: int
    ) -> SelfAttentiveLSTM:
        """Returns the decoder, for captions of at most `max_words` words."""
        return SelfAttentiveLSTM(
            self, vocabulary_size, attentions, max_words, name="decoder"
        )


class SelfAttentiveState(NamedTuple):
    """State of the LSTM, the words so far and the attentions after a word."""

    lstm: LSTMState
    written: WordMemory
    attentions: tuple[State, ...]


class SelfAttentiveMemory(NamedTuple):
    """Attentions' memories and the clip's part of the gates, made once a clip."""

    attentions: tuple[Any, ...]
    clip: tf.Tensor  # (B, 4U), the clip vectors' part of the LSTM's input


class SelfAttentiveLSTM(Decoder):
    """Decoder whose LSTM reads a word and what attention gives for it.

        s_t = self-attention of w_{t−1} over w_0 … w_{t−1}     see `WordAttention`
        x̂_t = Attention([h_{t−1}, s_t])                        several: concatenated
        h_t, c_t = LSTM([w_{t−1}, x̂_t, clip vectors], ·)
        y_t = softmax(W_o h_t + b_o)

    Dropout is on the words' embeddings, on x̂ and on what enters the output layer. The
    LSTM starts at 0.

    Notes:
        The paper says that the self-attended words are combined with the LSTM's state
        before it attends to the video; here they are concatenated. Where x̂ enters and
        how wide the LSTM is, it does not say.
    """

    def __init__(
        self,
        config: SelfAttentiveLSTMConfig,
        vocabulary_size: int,
        attentions: Sequence[StepAttention],
        max_words: int,
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
        self.max_words = max_words
        units = config.units
        self.written = WordAttention(config.embedding, name="written")
        self.input_words = input_projection(units, "input_words", bias=True)
        self.input_video = input_projection(units, "input_video")
        self.input_clip = input_projection(units, "input_clip")
        self.lstm = LSTMCell(units, name="lstm")
        self.embedding_dropout = Dropout(config.dropout, name="embedding_dropout")
        self.video_dropout = Dropout(config.dropout, name="video_dropout")

    def start(
        self, encoded: EncodedVideo, training: bool = False
    ) -> tuple[SelfAttentiveState, SelfAttentiveMemory]:
        """Returns a state of zeros without a word, and the attentions' memories."""
        batch = tf.shape(encoded.frames)[0]
        attentions, memories = attend_all.prepare(self.attentions, encoded, training)
        state = SelfAttentiveState(
            self.lstm.zero_state(batch),
            self.written.empty(batch, self.max_words + 1),  # <bos> is one of them
            attentions,
        )
        return state, SelfAttentiveMemory(memories, self._clip(encoded))

    def _clip(self, encoded: EncodedVideo) -> tf.Tensor:
        if encoded.clip_vectors:
            return self.input_clip(tf.concat(encoded.clip_vectors, axis=-1))
        batch = tf.shape(encoded.frames)[0]
        return tf.zeros([batch, 4 * self.config.units], encoded.frames.dtype)

    def advance(
        self,
        tokens: tf.Tensor,
        state: SelfAttentiveState,
        memory: SelfAttentiveMemory,
        training: bool = False,
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        words = self.embedding_dropout(self.embedding(tokens), training=training)
        history, written = self.written(words, state.written)  # (B, E)
        query = tf.concat([state.lstm.hidden, history], axis=-1)
        contexts, attentions = attend_all.attend(
            self.attentions, query, memory.attentions, state.attentions, training
        )
        video = tf.concat([context.vector for context in contexts], axis=-1)
        lstm = self.lstm(
            self.input_words(words)
            + self.input_video(self.video_dropout(video, training=training))
            + memory.clip,
            state.lstm,
        )
        state = SelfAttentiveState(lstm, written, attentions)
        return Advance(lstm.hidden, state, contexts)
