"""The schema of records: the specification, its features, and how they are stored."""

from __future__ import annotations

from transform.schema.encodings import (
    MAX_IMAGE_ROWS,
    FeatureLayout,
    ImageEncoding,
    Jpeg,
    Label,
    Png,
    Raw,
)
from transform.schema.feature_spec import (
    CAPTIONS,
    CATEGORY,
    CLIP_HASH,
    CLIP_LENGTH,
    LABELS,
    MISSING,
    SLICES,
    SPEC_HASH,
    VIDEO_ID,
    FeatureSpec,
    SpecMismatchError,
)
from transform.schema.features import Feature
from transform.schema.features.audio_words import (
    AudioWords,
    HardAssignment,
    SoftAssignment,
)
from transform.schema.features.category import Category
from transform.schema.features.chunk_grid import (
    ChunkGrid,
    FlowInput,
    Input,
    MeanFile,
    NetworkMean,
    PixelInput,
)
from transform.schema.features.flow import Flow
from transform.schema.features.flow_algorithms import (
    Dis,
    Farneback,
    FlowAlgorithm,
    TvL1,
)
from transform.schema.features.frame_grid import FrameGrid
from transform.schema.features.imported import Imported
from transform.schema.features.log_mel import LogMel
from transform.schema.features.regions import (
    ChunkMap,
    FrameMap,
    Objects,
    OwnHead,
    Proposals,
    Regions,
    RegionSelection,
)
from transform.schema.features.vggish import Embedding, Pca, VGGish
from transform.schema.frame_placement import (
    FrameSampling,
    KeyFrames,
    Placement,
    Strided,
    WholeClip,
)
from transform.schema.resize import CentreCrop, Letterbox, Resize, ShortSide, Stretch

__all__ = [
    "CAPTIONS",
    "CATEGORY",
    "CLIP_HASH",
    "CLIP_LENGTH",
    "LABELS",
    "MAX_IMAGE_ROWS",
    "MISSING",
    "SLICES",
    "SPEC_HASH",
    "VIDEO_ID",
    "AudioWords",
    "Category",
    "CentreCrop",
    "ChunkGrid",
    "ChunkMap",
    "Dis",
    "Embedding",
    "Farneback",
    "Feature",
    "FeatureLayout",
    "FeatureSpec",
    "Flow",
    "FlowAlgorithm",
    "FlowInput",
    "FrameGrid",
    "FrameMap",
    "FrameSampling",
    "HardAssignment",
    "ImageEncoding",
    "Imported",
    "Input",
    "Jpeg",
    "KeyFrames",
    "Label",
    "Letterbox",
    "LogMel",
    "MeanFile",
    "NetworkMean",
    "Objects",
    "OwnHead",
    "Pca",
    "PixelInput",
    "Placement",
    "Png",
    "Proposals",
    "Raw",
    "RegionSelection",
    "Regions",
    "Resize",
    "ShortSide",
    "SoftAssignment",
    "SpecMismatchError",
    "Stretch",
    "Strided",
    "TvL1",
    "VGGish",
    "WholeClip",
]
