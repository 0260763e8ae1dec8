"""The mean over time as a step attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from keras_models.attention.base import LinearAttention
from keras_models.layers.functional.masking import masked_mean
from keras_models.structs import Context, EncodedVideo, State
from keras_models.weight_axes import EncodedSources, NamedAxes, WeightAxes
from transform.common.config import Config


class UniformConfig(Config):
    """Mean pooling (Venugopalan et al., 2015): every word sees the same mean frame."""

    kind: Literal["uniform"] = "uniform"

    def build(self, name: str = "attention") -> UniformAttention:
        """Returns the layer that this configuration describes."""
        return UniformAttention(name=name)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: the encoder's frames."""
        return {"temporal": WeightAxes(axes=("word", "step"), source=sources.frames)}


class UniformAttention(LinearAttention):
    """Weighs all frames of a clip alike, whatever the query.

    Returns:
        `Context` with the mean frame `vector` (B, D) and `weights["temporal"]` (B, T).
        There is neither a weight to learn nor a state.
    """

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> Context:
        """Returns the context, which is the same for every word."""
        del training
        mask = tf.cast(encoded.frame_mask, tf.float32)  # (B, T)
        count = tf.reduce_sum(mask, axis=1, keepdims=True)
        weights = tf.math.divide_no_nan(mask, count)
        vector = masked_mean(encoded.frames, encoded.frame_mask)
        return Context(vector, {"temporal": weights}, tf.zeros_like(count[:, 0]), {})

    def project(
        self, memory: Context, projection: Callable[[tf.Tensor], tf.Tensor]
    ) -> Context:
        """Returns the context with W v in place of its vector v."""
        return memory._replace(vector=projection(memory.vector))

    def call(
        self, query: tf.Tensor, memory: Context, state: State, training: bool = False
    ) -> tuple[Context, State]:
        del query, training
        return memory, state
