"""Alignment by average pooling."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.encoders.levels.pooled import PooledLevel, PooledLevelConfig


class MeanPooledConfig(PooledLevelConfig):
    """A window's mean (dualAFR Table 1, "Average-pooling" and "Hypercolumn").

    A hypercolumn (Hariharan et al., 2015) joins what the layers say of one point. The
    trilinear value of a layer at a block's centre is the mean of the 2 × 2 × 2 cells
    around it: a window of 2.
    """

    kind: Literal["mean_pooled"] = "mean_pooled"

    def build(self, name: str) -> MeanPooled:
        """The layer."""
        return MeanPooled(self, name=name)


class MeanPooled(PooledLevel):
    """ã_il(k) = 1/|N_il| Σ_{j ∈ N_il} a_jl(k); 0 where a window has no cell."""

    def pool(self, maps: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """See the class."""
        total = self.mean(tf.where(there, maps, 0))
        return tf.math.divide_no_nan(total, self.mean(tf.cast(there, maps.dtype)))
