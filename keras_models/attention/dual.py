"""dualAFR: attention to places, then to levels."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.attention.multi_level import (
    MultiLevelAttention,
    MultiLevelMemory,
    SelectionConfig,
)
from keras_models.attention.selection import Selection, SoftConfig
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.initializers import SMALL_UNIFORM
from keras_models.structs import Context, State
from transform.common.config import Config, Field


class DualConfig(Config):
    """Both attentions of Pu et al. (2018); `choice` is soft or hard in both."""

    kind: Literal["dual"] = "dual"
    units: int = Field(512, ge=1)  # not given in the paper
    choice: SelectionConfig = SoftConfig()

    def build(self, name: str = "attention") -> DualAttention:
        """The layer."""
        place, level = self.choice.build("place"), self.choice.build("level")
        return DualAttention(self.units, place, level, name=name)


class DualAttention(MultiLevelAttention):
    """Weighs the levels by what was taken of their places.

        b_tl = w^T tanh(W_s s_tl + W_h h_{t−1} + b) ;  β_t = softmax_l(b_tl)
        z_t  = ψ({s_tl}_l, β_t)                  (Pu et al., 2018, Eq. 6, 7)

    Returns:
        As `MultiLevelAttention`, but `vector` is z_t (B, D), `weights["level"]` is β
        (B, L), and `log_prob` is that of place and level together. Levels that a clip
        lacks have β = 0.
    """

    def __init__(self, units: int, place: Selection, level: Selection, **kwargs: Any):
        super().__init__(units, place, **kwargs)
        self.level_energy = AdditiveScore(units, SMALL_UNIFORM, name="level_energy")
        self.level_choice = level

    def call(
        self,
        query: tf.Tensor,
        memory: MultiLevelMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        places = self.look(query, memory, training)
        keys = self.level_energy.keys(places.levels)
        energies = self.level_energy(query, keys)  # (B, L): Eq. 6
        chosen = self.level_choice(energies, places.there, training=training)
        shares = tf.cast(chosen.shares, places.levels.dtype)
        vector = tf.einsum("bl,bld->bd", shares, places.levels)  # Eq. 7
        weights = places.weights | {"level": chosen.weights}
        log_prob = places.log_prob + chosen.log_prob
        return Context(vector, weights, log_prob, {}), state
