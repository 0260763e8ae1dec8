"""Interface of decoders and what all of them share."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.layers.dropout import Dropout
from keras_models.layers.functional.scan import scan
from keras_models.layers.projection import InferenceKernel, Projection
from keras_models.structs import (
    Context,
    EncodedVideo,
    State,
    StepOutput,
    WordLogProbs,
)
from transform.records.vocabulary import FORBIDDEN_TOKENS, PAD


class Advance(NamedTuple):
    """A decoder's output after one word, not yet projected to the vocabulary."""

    output: tf.Tensor  # (B, U)
    state: State
    contexts: tuple[Context, ...]


class Decoder(tf.keras.layers.Layer, abc.ABC):
    """Language model that is conditioned on an encoded video.

        state, memory = decoder.start(encoded)
        log_probs, state, contexts = decoder.step(tokens, state, memory)

    `memory` is the same for every word; `state` is a nest of tensors whose shapes never
    change. Both have the batch on axis 0, so that a search may repeat and reorder rows.
    A step is `advance`, then `project`; teacher forcing advances through a caption and
    projects all its words at once, which is several times faster.

    Args:
        vocabulary_size: V, with the special tokens.
        attentions: Attentions to the video, whose vectors are concatenated.
        embedding: The length E of the embeddings of the words that are read.
        dropout: The rate of dropout on what enters the output layer.
        kernel_initializer: Initializer of the output layer's kernel.
        embeddings_initializer: Initializer of the embeddings.
    """

    inference_kernel: InferenceKernel | None = None

    def __init__(
        self,
        vocabulary_size: int,
        attentions: Sequence[StepAttention],
        *,
        embedding: int,
        dropout: float,
        kernel_initializer: Any = "glorot_uniform",
        embeddings_initializer: Any = "uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.attentions = tuple(attentions)
        self.embedding = tf.keras.layers.Embedding(
            vocabulary_size,
            embedding,
            embeddings_initializer=embeddings_initializer,
            name="embedding",
        )
        self.words = Projection(
            vocabulary_size, kernel_initializer=kernel_initializer, name="words"
        )
        # The axis of their weights that runs over the vocabulary.
        self.embedding.vocabulary_axis = 0
        self.words.vocabulary_axis = -1
        self.output_dropout = Dropout(dropout, name="output_dropout")

    @abc.abstractmethod
    def start(self, encoded: EncodedVideo, training: bool = False) -> tuple[State, Any]:
        """Returns the state before the first word and the memory of the videos."""
        raise NotImplementedError

    @abc.abstractmethod
    def advance(
        self, tokens: tf.Tensor, state: State, memory: Any, training: bool = False
    ) -> Advance:
        """Reads (B,) token ids and advances the state by one word."""
        raise NotImplementedError

    def word_projection(self) -> Projection | None:
        """Returns the projection that alone reads word vectors, or None."""
        return None

    def set_inference_kernel(self, kernel: InferenceKernel | None) -> None:
        """Replaces the look-up and projection of words, or restores it with None.

        Args:
            kernel: Maps (B,) token ids to their (B, N) vectors, multiplied by the
                kernel of `word_projection` and with its bias added.
        """
        self.inference_kernel = kernel

    def project_words(
        self,
        tokens: tf.Tensor,
        projection: Projection,
        dropout: Dropout | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns the projected vectors (B, N) of (B,) token ids."""
        if self.inference_kernel is not None:
            return self.inference_kernel(tokens)
        words = self.embedding(tokens)
        if dropout is not None:
            words = dropout(words, training=training)
        return projection(words)

    def project(self, outputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns log-probabilities (…, V) in float32 for outputs (…, U)."""
        logits = self.words(self.output_dropout(outputs, training=training))
        return tf.nn.log_softmax(tf.cast(logits, tf.float32))

    def score_words(self, outputs: tf.Tensor, tokens: tf.Tensor) -> WordLogProbs:
        """Returns log-probabilities of (R, L) ids for their outputs (R, L, U).

        Outputs of <pad> are not projected to the vocabulary, where a training step
        spends most of its time. Dropout was applied to the outputs already.
        """
        places = tf.where(tokens != PAD)  # (N, 2)
        words = tf.gather_nd(tokens, places)  # (N,)
        logits = tf.cast(self.words(tf.gather_nd(outputs, places)), tf.float32)
        given = -tf.nn.sparse_softmax_cross_entropy_with_logits(words, logits)
        norm = tf.gather(logits, words, axis=1, batch_dims=1) - given  # log Σ exp
        forbidden = tf.reduce_logsumexp(tf.gather(logits, FORBIDDEN_TOKENS, axis=1), 1)
        shape = tf.shape(tokens, tf.int64)
        return WordLogProbs(
            *(
                tf.ensure_shape(tf.scatter_nd(places, values, shape), tokens.shape)
                for values in (
                    given,
                    tf.reduce_mean(logits, axis=1) - norm,
                    forbidden - norm,
                )
            )
        )

    def step(self, tokens: tf.Tensor, state: State, memory: Any) -> StepOutput:
        """Reads (B,) token ids and returns log-probabilities of the next word."""
        output, state, contexts = self.advance(tokens, state, memory)
        return StepOutput(self.project(output), state, contexts)

    def decode_teacher_forced(
        self, tokens: tf.Tensor, state: State, memory: Any, training: bool = False
    ) -> tuple[tf.Tensor, tuple[Context, ...]]:
        """Decodes whole given captions: (R, L) token ids, of which the first is <bos>.

        Returns:
            The (R, L, U) outputs, and the contexts with a time axis in each leaf.
        """

        def step(token: tf.Tensor, state: State) -> tuple[Any, State]:
            output, state, contexts = self.advance(token, state, memory, training)
            return (output, contexts), state

        (outputs, contexts), _ = scan(step, tokens, state)
        return outputs, contexts
