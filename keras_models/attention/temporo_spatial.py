"""STaTS' TS attention, to a frame and then to its cells."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput, CellAttention
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.attend import attend, attend_clips
from keras_models.layers.functional.clip_rows import group_by_clip, ungroup
from keras_models.layers.functional.masking import masked_mean
from keras_models.weight_axes import NamedAxes, Source, WeightAxes
from transform.common.config import Config, Field


class TemporoSpatialConfig(Config):
    """The TS model (STaTS Sec. 3.2)."""

    kind: Literal["temporo_spatial"] = "temporo_spatial"
    units: int = Field(128, ge=1)  # Sec. 4.1
    temperature: float = Field(0.1, gt=0)  # "low"; its value is not given

    def build(self, name: str) -> TemporoSpatial:
        """Returns the layer that this configuration describes."""
        return TemporoSpatial(self, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        return {
            "temporal": WeightAxes(axes=("word", "step"), source=source),
            "spatial": WeightAxes(axes=("word", "cell"), source=source),
        }


class TemporoSpatial(CellAttention):
    """TS attention: nearly one frame, then a weighted mean of its cells.

        τ = softmax_n( att(h, x̄_n) / temperature )       x̄_n: the mean of its cells
        x_τj = Σ_n τ_n x_nj ;  e = softmax_j att(h, x_τj) ;  x̂_TS = Σ_j e_j x_τj

    (Cherian et al., 2020, Eq. 9–11.) Weights: "temporal" τ (R, T), "spatial" e (R, S).

    Notes:
        Eq. 9 picks the best frame; the paper implements it as the softmax above. Eq. 10
        omits the softmax that its own constraint on e demands.
        Where some frames lack region j, e_j is softmax_j(att + log p_j) with
        p_j = Σ_n τ_n over the frames that have it: an absent region is not attended,
        and where none is absent, log p_j is 0.
    """

    def __init__(self, config: TemporoSpatialConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.temperature = config.temperature
        self.frame_energy = AdditiveScore(config.units, name="frame_energy")
        self.cell_energy = AdditiveScore(config.units, name="cell_energy")

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the frames' keys (B, T, A); the cells' depend on the frame."""
        with tf.name_scope(self.name):
            return self.frame_energy.keys(masked_mean(cells, mask, axis=2))

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        scores = tf.cast(self.frame_energy(query, keys), tf.float32)  # (R, T)
        frame, temporal = attend_clips(  # Eq. 9: (R, S, D)
            scores / self.temperature, cells, tf.reduce_any(mask, axis=2)
        )

        presence = ungroup(
            tf.matmul(group_by_clip(temporal, mask), tf.cast(mask, tf.float32))
        )
        present = presence > 0
        scores = self.cell_energy(query, self.cell_energy.keys(frame))  # (R, S)
        vector, spatial = attend(  # Eq. 10, 11
            tf.cast(scores, tf.float32) + tf.math.log(tf.where(present, presence, 1.0)),
            frame,
            present,
        )
        return AttentionOutput(vector, {"temporal": temporal, "spatial": spatial}, {})
