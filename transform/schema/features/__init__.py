"""The features of a clip: one kind a file, and the union of all kinds."""

from __future__ import annotations

from typing import Annotated, Union

from transform.common.config import BY_KIND
from transform.schema.features.audio_words import AudioWords
from transform.schema.features.category import Category
from transform.schema.features.chunk_grid import ChunkGrid
from transform.schema.features.flow import Flow
from transform.schema.features.frame_grid import FrameGrid
from transform.schema.features.imported import Imported
from transform.schema.features.log_mel import LogMel
from transform.schema.features.regions import Regions
from transform.schema.features.vggish import VGGish

Feature = Annotated[
    Union[
        Flow,
        FrameGrid,
        ChunkGrid,
        Regions,
        LogMel,
        VGGish,
        AudioWords,
        Category,
        Imported,
    ],
    BY_KIND,
]
