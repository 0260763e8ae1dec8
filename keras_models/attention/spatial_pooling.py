"""Poolings over the cells of each frame: (B, T, S, D) to (B, T, D)."""

from __future__ import annotations

import abc
from typing import Any, Literal

import tensorflow as tf

from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.masking import masked_mean, masked_softmax
from transform.common.config import Config, Field


class SpatialPooling(tf.keras.layers.Layer, abc.ABC):
    """The spatial half of ST attention.

    Call arguments:
        query: (B, Q).
        cells: (B, T, S, D), 0 where masked.
        mask: (B, T, S) bool.
        keys: The result of `prepare`, what does not depend on the word.

    Returns:
        x̂ (B, T, D), 0 for frames without cells, and the named weights of the cells.
    """

    @abc.abstractmethod
    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Cells and mask → keys."""
        raise NotImplementedError

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        raise NotImplementedError


class MeanSpatialPoolingConfig(Config):
    """No spatial attention: the mean of a frame's cells."""

    kind: Literal["cell_mean"] = "cell_mean"

    def build(self, name: str) -> MeanSpatialPooling:
        """The layer."""
        return MeanSpatialPooling(name=name)


class MeanSpatialPooling(SpatialPooling):
    """x̂_n = (1/S) Σ_j x_nj over the cells that are there. No weights."""

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The means themselves, (B, T, D): no word changes them."""
        return masked_mean(cells, mask, axis=2)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        del query, cells, mask
        return keys, {}


class PerFrameAttentionConfig(Config):
    """An attention map of its own for every frame: regions without a fixed grid."""

    kind: Literal["per_frame"] = "per_frame"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> PerFrameAttention:
        """The layer."""
        return PerFrameAttention(self.units, name=name)


class PerFrameAttention(SpatialPooling):
    """e_n = softmax_j att(h, x_nj) ;  x̂_n = Σ_j e_nj x_nj.

    (Cherian et al., 2020, Eq. 3.) Weights: "spatial" (B, T, S).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The keys are those of every cell, (B, T, S, A)."""
        with tf.name_scope(self.name):
            return self.energy.keys(cells)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        weights = masked_softmax(self.energy(query, keys), mask)
        frames = tf.einsum("bts,btsd->btd", tf.cast(weights, cells.dtype), cells)
        return frames, {"spatial": weights}


class SharedSpatialAttentionConfig(Config):
    """One attention map for all frames: cells of a fixed grid (STaTS Sec. 3.1.1)."""

    kind: Literal["shared_grid"] = "shared_grid"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> SharedSpatialAttention:
        """The layer."""
        return SharedSpatialAttention(self.units, name=name)


class SharedSpatialAttention(SpatialPooling):
    """The same weights in every frame, from the cells' means over time.

        x̃_j = (1/N) Σ_n x_nj ;  e = softmax_j att(h, x̃_j) ;  x̂_n = Σ_j e_j x_nj

    (Cherian et al., 2020, Eq. 3 and the steps after it.) Weights: "spatial" (B, S).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The keys are those of the mean cells, (B, S, A)."""
        with tf.name_scope(self.name):
            return self.energy.keys(masked_mean(cells, mask))

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        energies = self.energy(query, keys)  # (B, S)
        weights = masked_softmax(energies, tf.reduce_any(mask, axis=1))
        frames = tf.einsum("bs,btsd->btd", tf.cast(weights, cells.dtype), cells)
        return frames, {"spatial": weights}
