"""Alignment by max-pooling."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.encoders.levels.pooled import PooledLevel, PooledLevelConfig


class MaxPooledConfig(PooledLevelConfig):
    """A window's largest values (dualAFR Table 1, "Max-pooling")."""

    kind: Literal["max_pooled"] = "max_pooled"

    def build(self, name: str) -> MaxPooled:
        """The layer."""
        return MaxPooled(self, name=name)


class MaxPooled(PooledLevel):
    """ã_il(k) = max_{j ∈ N_il} a_jl(k); 0 where a window has no cell."""

    def pool(self, maps: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """See the class."""
        least = maps.dtype.min
        values = self.windows(tf.where(there, maps, least), least)
        pooled = tf.nn.max_pool3d(values, self.window, self.ratio, "VALID")
        return tf.where(pooled > least, pooled, 0)
