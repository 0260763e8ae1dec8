"""How each kind of feature is made of a clip: one kind a file, and the table of them.

An extractor is built with the feature and the specification's sampling; its face is
`extractor.FeatureExtractor`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transform.config import Config, ConfigError
from transform.extractors.audio_words import AudioWordsExtractor
from transform.extractors.category import CategoryExtractor
from transform.extractors.chunk_grid import ChunkGridExtractor
from transform.extractors.extractor import FeatureExtractor
from transform.extractors.flow import FlowExtractor
from transform.extractors.frame_grid import FrameGridExtractor
from transform.extractors.log_mel import LogMelExtractor
from transform.extractors.regions import RegionsExtractor
from transform.extractors.vggish import VGGishExtractor
from transform.schema import (
    AudioWords,
    Category,
    ChunkGrid,
    Feature,
    Flow,
    FrameGrid,
    Imported,
    LogMel,
    Regions,
    Sampling,
    VGGish,
)

EXTRACTORS: Mapping[type[Config], Callable[[Any, Sampling], FeatureExtractor]] = {
    Flow: FlowExtractor,
    FrameGrid: FrameGridExtractor,
    ChunkGrid: ChunkGridExtractor,
    Regions: RegionsExtractor,
    LogMel: LogMelExtractor,
    VGGish: VGGishExtractor,
    AudioWords: AudioWordsExtractor,
    Category: CategoryExtractor,
}


def build(feature: Feature, sampling: Sampling) -> FeatureExtractor:
    """The extractor of a feature.

    Raises:
        ConfigError: The feature names a network or layer that there is not, or is not
            made from the clip.
        WeightsError: A network's weights are not to be had.
    """
    if isinstance(feature, Imported):
        raise ConfigError(
            f"feature {feature.name} is imported from files "
            f"({feature.origin or 'of unknown origin'}) and cannot be extracted from a "
            "clip."
        )
    return EXTRACTORS[type(feature)](feature, sampling)
