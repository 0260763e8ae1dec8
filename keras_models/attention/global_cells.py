"""Attention to the cells of all frames as one set."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput, CellAttention
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config, Field


class GlobalCellAttentionConfig(Config):
    """One softmax over all cells of all frames.

    STaTS Table 2, "Temp Att"; with objects for cells, VATEX-2019's spatial attention.
    """

    kind: Literal["all_cells"] = "all_cells"
    units: int = Field(128, ge=1)  # STaTS Sec. 4.1; VATEX does not give it

    def build(self, name: str) -> GlobalCellAttention:
        """The layer."""
        return GlobalCellAttention(self.units, name=name)


class GlobalCellAttention(CellAttention):
    """e = softmax_{n,j} att(h, x_nj) ;  x̂ = Σ_n Σ_j e_nj x_nj.

    Weights: "spatial" e (B, T, S), and "temporal" (B, T), their sums over a frame. The
    energy's b, which STaTS has, VATEX-2019 (Chen et al., 2019, Eq. 2) has not.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Those of all cells, (B, T, S, A)."""
        del mask
        with tf.name_scope(self.name):
            return self.energy.keys(cells)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        energies = self.energy(query, keys)  # (B, T, S)
        shape = tf.shape(energies)
        flat = [shape[0], shape[1] * shape[2]]
        weights = tf.reshape(
            masked_softmax(tf.reshape(energies, flat), tf.reshape(mask, flat)),
            shape,
        )
        weights = tf.ensure_shape(weights, energies.shape)
        vector = tf.einsum("bts,btsd->bd", tf.cast(weights, cells.dtype), cells)
        named = {"temporal": tf.reduce_sum(weights, axis=2), "spatial": weights}
        return AttentionOutput(vector, named, {})
