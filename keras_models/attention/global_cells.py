"""Attention to the cells of all frames as one set."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.cell_attention import AdditiveCellAttention, AttentionOutput
from keras_models.attention.weight_names import cell_weight_axes, cell_weights
from keras_models.layers.functional.attend import attend_clips
from keras_models.weight_axes import NamedAxes, Source
from transform.common.config import Config, Field


class GlobalCellAttentionConfig(Config):
    """One softmax over all cells of all frames.

    STaTS Table 2, "Temp Att"; with objects for cells, VATEX-2019's spatial attention.
    """

    kind: Literal["all_cells"] = "all_cells"
    units: int = Field(128, ge=1)  # STaTS Sec. 4.1; VATEX does not give it

    def build(self, name: str) -> GlobalCellAttention:
        """Returns the layer that this configuration describes."""
        return GlobalCellAttention(self.units, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        return cell_weight_axes(source)


class GlobalCellAttention(AdditiveCellAttention):
    """Additive attention with one softmax over the cells of all frames.

        e = softmax_{n,j} att(h, x_nj) ;  x̂ = Σ_n Σ_j e_nj x_nj

    Weights: "spatial" e (R, T, S), and "temporal" (R, T), their sums over a frame. The
    score's b, which STaTS has, VATEX-2019 (Chen et al., 2019, Eq. 2) has not.
    """

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        vector, weights = attend_clips(self.energy(query, keys), cells, mask)
        return AttentionOutput(vector, cell_weights(weights), {})
