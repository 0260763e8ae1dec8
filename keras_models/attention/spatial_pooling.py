"""Poolings over the cells of each frame, from (B, T, S, D) to (B, T, D)."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.cell_attention import (
    AdditiveCellAttention,
    AttentionOutput,
    CellAttention,
)
from keras_models.layers.functional.attend import attend
from keras_models.layers.functional.masking import masked_mean, masked_softmax
from transform.common.config import Config, Field


class MeanSpatialPoolingConfig(Config):
    """The mean of a frame's cells, without spatial attention."""

    kind: Literal["cell_mean"] = "cell_mean"

    def build(self, name: str) -> MeanSpatialPooling:
        """Returns the layer that this configuration describes."""
        return MeanSpatialPooling(name=name)


class MeanSpatialPooling(CellAttention):
    """Means x̂_n = (1/S) Σ_j x_nj over the unmasked cells of each frame.

    There are no weights to return.
    """

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the means (B, T, D) themselves, which no word changes."""
        return masked_mean(cells, mask, axis=2)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        del query, cells, mask
        return AttentionOutput(keys, {}, {})


class PerFrameAttentionConfig(Config):
    """An attention map of its own for every frame: regions without a fixed grid."""

    kind: Literal["per_frame"] = "per_frame"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> PerFrameAttention:
        """Returns the layer that this configuration describes."""
        return PerFrameAttention(self.units, name=name)


class PerFrameAttention(AdditiveCellAttention):
    """Additive attention to the cells of each frame by itself.

        e_n = softmax_j att(h, x_nj) ;  x̂_n = Σ_j e_nj x_nj

    (Cherian et al., 2020, Eq. 3.) Weights: "spatial" (B, T, S).
    """

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        scores = self.energy(query, keys)  # (B, T, S)
        frames, weights = attend(scores, cells, mask, batch_dims=2)
        return AttentionOutput(frames, {"spatial": weights}, {})


class SharedSpatialAttentionConfig(Config):
    """One attention map for all frames: cells of a fixed grid (STaTS Sec. 3.1.1)."""

    kind: Literal["shared_grid"] = "shared_grid"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> SharedSpatialAttention:
        """Returns the layer that this configuration describes."""
        return SharedSpatialAttention(self.units, name=name)


class SharedSpatialAttention(AdditiveCellAttention):
    """Attention with the same weights in every frame, from the cells' means over time.

        x̃_j = (1/N) Σ_n x_nj ;  e = softmax_j att(h, x̃_j) ;  x̂_n = Σ_j e_j x_nj

    (Cherian et al., 2020, Eq. 3 and the steps after it.) Weights: "spatial" (B, S).
    """

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the keys (B, S, A) of the cells' means over time."""
        return super().prepare(masked_mean(cells, mask), mask)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        scores = self.energy(query, keys)  # (B, S)
        weights = masked_softmax(scores, tf.reduce_any(mask, axis=1))
        frames = tf.einsum("bs,btsd->btd", tf.cast(weights, cells.dtype), cells)
        return AttentionOutput(frames, {"spatial": weights}, {})
