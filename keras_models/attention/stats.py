"""STaTS' ST and TS attention, weighed against each other."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput, CellAttention
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.temporo_spatial import TemporoSpatialConfig
from keras_models.layers.functional.attend import weighted_sum
from keras_models.layers.projection import Projection
from keras_models.weight_axes import NamedAxes, Source, WeightAxes
from transform.common.config import Config, Field


class STaTSConfig(Config):
    """ST and TS attention together (STaTS Sec. 3.3)."""

    kind: Literal["stats"] = "stats"
    spatio_temporal: SpatioTemporalConfig = SpatioTemporalConfig()  # the ST attention
    temporo_spatial: TemporoSpatialConfig = TemporoSpatialConfig()  # the TS attention
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> STaTS:
        """Returns the layer that this configuration describes."""
        return STaTS(self, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        st = self.spatio_temporal.weight_axes(source)
        return {
            "branch": WeightAxes(
                axes=("word", "option"), source=source, options=("ST", "TS")
            ),
            **self.temporo_spatial.weight_axes(source),
            **{f"st_{name}": axes for name, axes in st.items()},
        }


class STaTSKeys(NamedTuple):
    """The keys of both attentions, which no word changes."""

    spatio_temporal: tf.Tensor
    temporo_spatial: tf.Tensor


class STaTS(CellAttention):
    """ST and TS attention in one, weighed anew for every word.

        x̂ = tanh(w_1 x̂_ST + w_2 x̂_TS)
        β_1 = w_ST^T tanh(W_ST x̂_ST + W_h h) ;  β_2 = w_TS^T tanh(W_TS x̂_TS + W_h h)
        (w_1, w_2) = softmax(β_1, β_2)

    (Cherian et al., 2020, Eq. 12; both scores share W_h.) Weights: "branch" (R, 2),
    those of TS under their own names, those of ST as "st_<name>".
    """

    def __init__(self, config: STaTSConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.spatio_temporal = config.spatio_temporal.build("spatio_temporal")
        self.temporo_spatial = config.temporo_spatial.build("temporo_spatial")

        def projection(units: int, name: str) -> Projection:
            return Projection(units, use_bias=False, name=name)

        self.query = projection(config.units, "query")
        self.keys = [projection(config.units, f"key_{name}") for name in ("st", "ts")]
        self.scores = [projection(1, f"score_{name}") for name in ("st", "ts")]

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> STaTSKeys:
        """Returns the keys of both attentions."""
        with tf.name_scope(self.name):
            return STaTSKeys(
                self.spatio_temporal.prepare(cells, mask),
                self.temporo_spatial.prepare(cells, mask),
            )

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: STaTSKeys
    ) -> AttentionOutput:
        st = self.spatio_temporal(query, cells, mask, keys.spatio_temporal)
        ts = self.temporo_spatial(query, cells, mask, keys.temporo_spatial)
        hidden = self.query(query)  # W_h h: (R, A)
        scores = [
            score(tf.tanh(key(output.vector) + hidden))  # (R, 1)
            for score, key, output in zip(self.scores, self.keys, (st, ts), strict=True)
        ]
        weights = tf.nn.softmax(tf.cast(tf.concat(scores, axis=-1), tf.float32))
        vectors = tf.stack([st.vector, ts.vector], axis=1)  # (R, 2, D)
        vector = tf.tanh(weighted_sum(weights, vectors))  # Eq. 12
        named = {"branch": weights} | ts.weights
        named |= {f"st_{name}": values for name, values in st.weights.items()}
        return AttentionOutput(vector, named, st.losses | ts.losses)
