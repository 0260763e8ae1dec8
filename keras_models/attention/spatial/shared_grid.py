"""Spatial attention that is the same in every frame."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.attention.spatial.pooling import SpatialPooling
from keras_models.layers.additive_score import AdditiveEnergy
from keras_models.layers.functional.masking import masked_mean, masked_softmax
from transform.common.config import Config


class SharedGridConfig(Config):
    """One attention map for all frames: cells of a fixed grid (STaTS Sec. 3.1.1)."""

    kind: Literal["shared_grid"] = "shared_grid"
    units: int = pydantic.Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> SharedGridPooling:
        """The layer."""
        return SharedGridPooling(self.units, name=name)


class SharedGridPooling(SpatialPooling):
    """The same weights in every frame, from the cells' means over time.

        x̃_j = (1/N) Σ_n x_nj ;  e = softmax_j att(h, x̃_j) ;  x̂_n = Σ_j e_j x_nj

    (Cherian et al., 2020, Eq. 3 and the steps after it.) Weights: "spatial" (B, S).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveEnergy(units, name="energy")

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
