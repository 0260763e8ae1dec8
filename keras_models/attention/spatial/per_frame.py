"""Spatial attention of its own in every frame."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.attention.spatial.pooling import SpatialPooling
from keras_models.layers.additive_score import AdditiveEnergy
from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config


class PerFrameConfig(Config):
    """An attention map of its own for every frame: regions without a fixed grid."""

    kind: Literal["per_frame"] = "per_frame"
    units: int = pydantic.Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> PerFramePooling:
        """The layer."""
        return PerFramePooling(self.units, name=name)


class PerFramePooling(SpatialPooling):
    """e_n = softmax_j att(h, x_nj) ;  x̂_n = Σ_j e_nj x_nj.

    (Cherian et al., 2020, Eq. 3.) Weights: "spatial" (B, T, S).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveEnergy(units, name="energy")

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
