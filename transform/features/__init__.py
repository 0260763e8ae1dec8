"""What can be made of a clip: one kind of feature a file, and the union of them."""

from __future__ import annotations

from typing import Annotated, Union

import pydantic

from transform.features.audio_words import AudioWords
from transform.features.category import Category
from transform.features.chunk_grid import ChunkGrid
from transform.features.flow import Flow
from transform.features.frame_grid import FrameGrid
from transform.features.imported import Imported
from transform.features.log_mel import LogMel
from transform.features.regions import Regions
from transform.features.vggish import VGGish

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
    pydantic.Field(discriminator="kind"),
]
