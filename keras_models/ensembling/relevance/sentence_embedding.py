"""`SentenceEmbedding`: a layer that embeds sentences as vectors."""

from __future__ import annotations

import contextlib
import io
import types
import warnings
from typing import Any

import tensorflow as tf

from keras_models.layers.dropout import Dropout
from keras_models.layers.functional.masking import masked_mean
from transform.records.vocabulary import PAD


class SentenceEmbedding(tf.keras.layers.Layer):
    """Embeds sentences by transformer encoders (Vaswani et al., 2017).

    Embeddings of words and positions pass through the encoders; the mean over the
    words passes through a linear map and is scaled to length 1. The layers are
    KerasNLP's; their own dropout is left off, since its generators are no part of a
    checkpoint: `dropout` falls on the words.

    Args:
        vocabulary_size: V.
        length: L, of the longest sentence.
        units: E, of the vectors.
        embedding: Width of a word.
        blocks: Number of transformer encoders.
        heads: Attention heads of each.
        feedforward: Width of the hidden layer in each.
        dropout: Dropout rate of the words' features.

    Call arguments:
        tokens: (N, L) int32 ids; <pad> is not read.
        training: Whether dropout is on.

    Returns:
        (N, E) float32 of length 1.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        units: int,
        *,
        embedding: int,
        blocks: int,
        heads: int,
        feedforward: int,
        dropout: float,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        layers = _keras_nlp().layers
        self.words = layers.TokenAndPositionEmbedding(
            vocabulary_size, length, embedding, name="words"
        )
        self.dropout = Dropout(dropout, name="dropout")
        self.blocks = [
            layers.TransformerEncoder(feedforward, heads, name=f"block_{index + 1}")
            for index in range(blocks)
        ]
        self.project = tf.keras.layers.Dense(units, name="project")

    def call(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        mask = tokens != PAD  # (N, L)
        words = self.dropout(self.words(tokens), training=training)  # (N, L, D)
        for block in self.blocks:
            words = block(words, padding_mask=mask)
        sentence = self.project(masked_mean(words, mask))  # (N, E)
        return tf.math.l2_normalize(tf.cast(sentence, tf.float32), axis=-1)


def _keras_nlp() -> types.ModuleType:
    """Imports KerasNLP where it is used: it takes as long as TensorFlow itself."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the packages that it imports
        import keras_nlp
    return keras_nlp
