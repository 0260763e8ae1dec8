"""Additive attention over time, to frames that differ from word to word."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.attention.branch import Attended
from keras_models.attention.temporal.pooling import TemporalPooling
from keras_models.layers.additive_score import AdditiveEnergy
from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config


class AdditivePoolingConfig(Config):
    """Temporal attention (STaTS Table 2, "Mean + Temp Att")."""

    kind: Literal["additive_pooling"] = "additive_pooling"
    units: int = pydantic.Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> AdditivePooling:
        """The layer."""
        return AdditivePooling(self.units, name=name)


class AdditivePooling(TemporalPooling):
    """τ = softmax_n att(h, x̂_n) ;  x̂ = Σ_n τ_n x̂_n (Cherian et al., 2020, Eq. 1).

    Weights: "temporal" (B, T).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveEnergy(units, name="energy")

    def call(self, frames: tf.Tensor, query: tf.Tensor, mask: tf.Tensor) -> Attended:
        energies = self.energy(query, self.energy.keys(frames))  # (B, T)
        weights = masked_softmax(energies, mask)
        vector = tf.einsum("bt,btd->bd", tf.cast(weights, frames.dtype), frames)
        return Attended(vector, {"temporal": weights}, {})
