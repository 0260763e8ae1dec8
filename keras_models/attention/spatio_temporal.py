"""Attention to the cells of every frame and then to the frames, as STaTS' ST."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput, CellAttention
from keras_models.attention.spatial_pooling import (
    FrameMapsConfig,
    MeanSpatialPoolingConfig,
    PerFrameAttentionConfig,
    SharedSpatialAttentionConfig,
)
from keras_models.attention.temporal_pooling import (
    AdditivePoolingConfig,
    LSTMPoolingConfig,
    MeanPoolingConfig,
    RankedPoolingConfig,
)
from keras_models.layers.functional.clip_rows import repeat_for_captions
from keras_models.weight_axes import NamedAxes, Source
from transform.common.config import BY_KIND, Config, validator

SpatialPoolingConfig = Annotated[
    Union[
        SharedSpatialAttentionConfig,
        PerFrameAttentionConfig,
        MeanSpatialPoolingConfig,
        FrameMapsConfig,
    ],
    BY_KIND,
]
TemporalPoolingConfig = Annotated[
    Union[
        MeanPoolingConfig, LSTMPoolingConfig, AdditivePoolingConfig, RankedPoolingConfig
    ],
    BY_KIND,
]


class SpatioTemporalConfig(Config):
    """Cells of a frame first, then frames: STaTS' ST, MGSA's "Spatial Attention".

    The ST model (STaTS Sec. 3.1) pools space on a shared map; `temporal` chooses the
    row of STaTS' Table 2.
    """

    kind: Literal["spatio_temporal"] = "spatio_temporal"
    # how the cells of a frame become a vector
    spatial: SpatialPoolingConfig = SharedSpatialAttentionConfig()
    # how the frames become a vector
    temporal: tuple[TemporalPoolingConfig, ...] = (
        MeanPoolingConfig(),
        RankedPoolingConfig(),
    )

    @validator("temporal")
    def _some(cls, temporal: tuple) -> tuple:
        if not temporal:
            raise ValueError("frames must be pooled somehow")
        return temporal

    def build(self, name: str) -> SpatioTemporal:
        """Returns the layer that this configuration describes."""
        return SpatioTemporal(self, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        axes = self.spatial.weight_axes(source)
        for pooling in self.temporal:
            axes = axes | pooling.weight_axes(source)
        return axes


class SpatioTemporalKeys(NamedTuple):
    """What no word changes of the poolings."""

    spatial: Any
    pooled: dict[str, AttentionOutput]  # by the place of a pooling that is known


class SpatioTemporal(CellAttention):
    """ST attention: x̂_n from the cells of frame n, then x̂_ST from x̂_1 … x̂_N.

    Weights and losses are those of the poolings. Where a frame is one cell, as a vector
    is, x̂_n is that cell whatever the word, and frames are pooled once for all words.

    Notes:
        The paper does not say how "Mean + Ranked" combines the two. They are added:
        both are as wide as the frames, and so is what Eq. 12 joins with x̂_TS.
    """

    def __init__(self, config: SpatioTemporalConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.spatial = config.spatial.build("spatial")
        self.temporal = [
            pooling.build(f"temporal_{pooling.kind}") for pooling in config.temporal
        ]

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> SpatioTemporalKeys:
        """Returns the spatial pooling's keys, and the frames' poolings of one cell."""
        with tf.name_scope(self.name):
            pooled = {
                str(place): pooling(cells[:, :, 0], None, mask[:, :, 0])
                for place, pooling in enumerate(self.temporal)
                if cells.shape[2] == 1 and not pooling.reads_query
            }
            return SpatioTemporalKeys(self.spatial.prepare(cells, mask), pooled)

    def call(
        self,
        query: tf.Tensor,
        cells: tf.Tensor,
        mask: tf.Tensor,
        keys: SpatioTemporalKeys,
    ) -> AttentionOutput:
        output = self.spatial(query, cells, mask, keys.spatial)
        frames = output.vector  # (R, T, D)
        frame_mask = repeat_for_captions(tf.reduce_any(mask, axis=2), query)
        known = tf.nest.map_structure(
            lambda clips: repeat_for_captions(clips, query), keys.pooled
        )
        pooled = [
            known.get(str(place)) or pooling(frames, query, frame_mask)
            for place, pooling in enumerate(self.temporal)
        ]
        weights, losses = output.weights, output.losses
        for part in pooled:
            weights = weights | part.weights
            losses = losses | part.losses
        vector = tf.add_n([part.vector for part in pooled])
        return AttentionOutput(vector, weights, losses)
