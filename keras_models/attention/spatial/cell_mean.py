"""The mean of a frame's cells."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.spatial.pooling import SpatialPooling
from keras_models.layers.functional.masking import masked_mean
from transform.common.config import Config


class CellMeanConfig(Config):
    """No spatial attention: the mean of a frame's cells."""

    kind: Literal["cell_mean"] = "cell_mean"

    def build(self, name: str) -> CellMeanPooling:
        """The layer."""
        return CellMeanPooling(name=name)


class CellMeanPooling(SpatialPooling):
    """x̂_n = (1/S) Σ_j x_nj over the cells that are there. No weights."""

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The means themselves, (B, T, D): no word changes them."""
        return masked_mean(cells, mask, axis=2)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        del query, cells, mask
        return keys, {}
