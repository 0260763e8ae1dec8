"""The mean over time."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.branch import Attended
from keras_models.attention.temporal.pooling import TemporalPooling
from keras_models.layers.functional.masking import masked_mean
from transform.common.config import Config


class MeanConfig(Config):
    """Mean pooling (STaTS Table 2, "Mean Pool")."""

    kind: Literal["mean"] = "mean"

    def build(self, name: str) -> MeanPooling:
        """The layer."""
        return MeanPooling(name=name)


class MeanPooling(TemporalPooling):
    """x̂ = (1/N) Σ_n x̂_n over the frames that are there."""

    def call(self, frames: tf.Tensor, query: tf.Tensor, mask: tf.Tensor) -> Attended:
        del query
        return Attended(masked_mean(frames, mask), {}, {})
