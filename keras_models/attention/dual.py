"""dualAFR's attention to locations and then to levels."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Optional

import tensorflow as tf

from keras_models.attention.item_attention import AttentionMemory
from keras_models.attention.multi_level import MultiLevelAttention, SelectionConfig
from keras_models.attention.selection import Selection, SoftConfig
from keras_models.attention.sources import Levels
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.attend import weighted_sum
from keras_models.layers.initializers import INITIAL_RANGE, first_weights
from keras_models.structs import Context, EncodedVideo, State
from keras_models.weight_axes import EncodedSources, NamedAxes, WeightAxes
from transform.common.config import Config, Field


class DualConfig(Config):
    """Both attentions of Pu et al. (2018); `choice` is soft or hard in both."""

    kind: Literal["dual"] = "dual"
    units: int = Field(512, ge=1)  # not given in the paper
    choice: SelectionConfig = SoftConfig()  # a weighted sum, or one drawn
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    def build(self, name: str = "attention") -> DualAttention:
        """Returns the layer that this configuration describes."""

        def score(name: str) -> AdditiveScore:
            return AdditiveScore(
                self.units, first_weights(self.initial_range), name=name
            )

        return DualAttention(
            (score("energy"), self.choice.build("place")),
            (score("level_energy"), self.choice.build("level")),
            name=name,
        )

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: locations, and levels."""
        levels = tuple(source.feature if source else "" for source in sources.grids)
        return Levels().weight_axes(sources) | {
            "level": WeightAxes(axes=("word", "option"), options=levels)
        }


class DualMemory(NamedTuple):
    """The locations of a batch of clips and the levels that each clip has."""

    locations: AttentionMemory
    level_mask: tf.Tensor  # (B, L) bool


class DualAttention(MultiLevelAttention):
    """Attention to the levels, each as the attention to its locations gives it.

        b_tl = w^T tanh(W_s s_tl + W_h h_{t−1} + b) ;  β_t = softmax_l(b_tl)
        z_t  = ψ({s_tl}_l, β_t)                  (Pu et al., 2018, Eq. 6, 7)

    Returns:
        As `MultiLevelAttention`, but `vector` is z_t (B, D), `weights["level"]` is β
        (B, L), and `log_prob` is that of location and level together. Levels that a
        clip lacks have β = 0.
    """

    source: Levels

    def __init__(
        self,
        location: tuple[AdditiveScore, Selection],
        level: tuple[AdditiveScore, Selection],
        **kwargs: Any,
    ):
        super().__init__(*location, **kwargs)
        self.level_energy, self.level_choice = level

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> DualMemory:
        """Returns the locations of a batch of clips and which levels they have."""
        locations = super().prepare(encoded, training)
        return DualMemory(locations, self.source.level_mask(encoded))

    def call(
        self,
        query: tf.Tensor,
        memory: DualMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        context = self.attend(query, memory.locations, training)
        levels = context.vector  # (B, L, D): s_tl
        scores = self.level_energy(query, self.level_energy.keys(levels))  # Eq. 6
        selected = self.level_choice(scores, memory.level_mask, training=training)
        return Context(
            weighted_sum(selected.selection, levels),  # Eq. 7
            context.weights | {"level": selected.weights},
            context.log_prob + selected.log_prob,
            {},
        ), state
