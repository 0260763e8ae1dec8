"""Video encoders, which see a clip once and no word of its captions."""

from __future__ import annotations

from keras_models.encoders.dual_afr import (
    DualAFRConfig,
    DualAFREncoder,
    LevelConfig,
)
from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.frame_lstm import FrameLSTMConfig, FrameLSTMEncoder
from keras_models.encoders.grid import GridConfig, GridEncoder
from keras_models.encoders.kbigru import KBiGRUConfig, KBiGRUEncoder
from keras_models.encoders.level_alignment import (
    ConvLevelConfig,
    IdentityLevelConfig,
    MaxPooledLevelConfig,
    MeanPooledLevelConfig,
    MLPLevelConfig,
)
from keras_models.encoders.mgsa import MGSAConfig, MGSAEncoder
from keras_models.encoders.modalities import (
    AffineMotion,
    ClipModality,
    FrameModality,
    Modality,
)
from keras_models.encoders.pooled import PooledConfig, PooledEncoder
from keras_models.encoders.streams import StreamsConfig, StreamsEncoder
from keras_models.encoders.vatex import MemoryConfig, VatexConfig, VatexEncoder
from keras_models.encoders.vatex_memory import (
    GlobalMemoryConfig,
    ObjectMemoryConfig,
    SegmentMemoryConfig,
)
from keras_models.encoders.vre import VREConfig, VREEncoder

__all__ = [
    "AffineMotion",
    "ClipModality",
    "ConvLevelConfig",
    "DualAFRConfig",
    "DualAFREncoder",
    "Encoder",
    "EncoderConfig",
    "FrameLSTMConfig",
    "FrameLSTMEncoder",
    "FrameModality",
    "GlobalMemoryConfig",
    "GridConfig",
    "GridEncoder",
    "IdentityLevelConfig",
    "KBiGRUConfig",
    "KBiGRUEncoder",
    "LevelConfig",
    "MGSAConfig",
    "MGSAEncoder",
    "MLPLevelConfig",
    "MaxPooledLevelConfig",
    "MeanPooledLevelConfig",
    "MemoryConfig",
    "Modality",
    "ObjectMemoryConfig",
    "PooledConfig",
    "PooledEncoder",
    "SegmentMemoryConfig",
    "StreamsConfig",
    "StreamsEncoder",
    "VREConfig",
    "VREEncoder",
    "VatexConfig",
    "VatexEncoder",
]
