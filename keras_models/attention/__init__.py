"""Attention to encoded videos, once for every word of a caption.

`sources` says what is attended, `layers.additive_score` and `multiplicative_score` say
how items are scored, and `selection` what is taken of them.

Attributes that hold layers, such as `energy`, `look` and `choice`, are keys of saved
weights: renaming one of them makes every saved model unreadable.
"""

from __future__ import annotations

from keras_models.attention.bahdanau import AdditiveAttention, AdditiveConfig
from keras_models.attention.base import LinearAttention, StepAttention
from keras_models.attention.cell_attention import AdditiveCellAttention, CellAttention
from keras_models.attention.dual import DualAttention, DualConfig
from keras_models.attention.global_cells import (
    GlobalCellAttention,
    GlobalCellAttentionConfig,
)
from keras_models.attention.grid_attention import GridAttention, GridAttentionConfig
from keras_models.attention.item_attention import ItemAttention
from keras_models.attention.multi_level import MultiLevelAttention, MultiLevelConfig
from keras_models.attention.multiplicative import (
    MultiplicativeAttention,
    MultiplicativeConfig,
)
from keras_models.attention.selection import (
    Hard,
    HardConfig,
    Selection,
    Soft,
    SoftConfig,
)
from keras_models.attention.sources import AttentionSource, Frames, Grid, Levels
from keras_models.attention.spatial_pooling import (
    FrameMaps,
    FrameMapsConfig,
    MeanSpatialPooling,
    MeanSpatialPoolingConfig,
    PerFrameAttention,
    PerFrameAttentionConfig,
    SharedSpatialAttention,
    SharedSpatialAttentionConfig,
)
from keras_models.attention.spatio_temporal import SpatioTemporal, SpatioTemporalConfig
from keras_models.attention.stats import STaTS, STaTSConfig
from keras_models.attention.temporal_pooling import (
    AdditivePooling,
    AdditivePoolingConfig,
    LSTMPooling,
    LSTMPoolingConfig,
    MeanPooling,
    MeanPoolingConfig,
    RankedPooling,
    RankedPoolingConfig,
    TemporalPooling,
)
from keras_models.attention.temporo_spatial import TemporoSpatial, TemporoSpatialConfig
from keras_models.attention.uniform import UniformAttention, UniformConfig

__all__ = [
    "AdditiveAttention",
    "AdditiveCellAttention",
    "AdditiveConfig",
    "AdditivePooling",
    "AdditivePoolingConfig",
    "AttentionSource",
    "CellAttention",
    "DualAttention",
    "DualConfig",
    "FrameMaps",
    "FrameMapsConfig",
    "Frames",
    "GlobalCellAttention",
    "GlobalCellAttentionConfig",
    "Grid",
    "GridAttention",
    "GridAttentionConfig",
    "Hard",
    "HardConfig",
    "ItemAttention",
    "LSTMPooling",
    "LSTMPoolingConfig",
    "Levels",
    "LinearAttention",
    "MeanPooling",
    "MeanPoolingConfig",
    "MeanSpatialPooling",
    "MeanSpatialPoolingConfig",
    "MultiLevelAttention",
    "MultiLevelConfig",
    "MultiplicativeAttention",
    "MultiplicativeConfig",
    "PerFrameAttention",
    "PerFrameAttentionConfig",
    "RankedPooling",
    "RankedPoolingConfig",
    "STaTS",
    "STaTSConfig",
    "Selection",
    "SharedSpatialAttention",
    "SharedSpatialAttentionConfig",
    "Soft",
    "SoftConfig",
    "SpatioTemporal",
    "SpatioTemporalConfig",
    "StepAttention",
    "TemporalPooling",
    "TemporoSpatial",
    "TemporoSpatialConfig",
    "UniformAttention",
    "UniformConfig",
]
