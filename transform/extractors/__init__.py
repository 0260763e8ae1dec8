"""Extractors: one file for each kind of feature, and the table of them.

Their interface is `feature_extractor.FeatureExtractor`. Most are built with the feature
and the specification's sampling; those of networks' maps, with the pass of the network
that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transform.common.config import Config, ConfigError
from transform.extractors.audio_words import AudioWordsExtractor
from transform.extractors.category import CategoryExtractor
from transform.extractors.chunk_grid import ChunkPass
from transform.extractors.feature_extractor import FeatureExtractor
from transform.extractors.flow import FlowExtractor
from transform.extractors.frame_grid import FramePass
from transform.extractors.log_mel import LogMelExtractor
from transform.extractors.network_pass import NetworkPass, PassExtractor, share
from transform.extractors.regions import RegionsExtractor
from transform.extractors.vggish import VGGishExtractor
from transform.schema import (
    AudioWords,
    Category,
    ChunkGrid,
    Feature,
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    Imported,
    LogMel,
    Regions,
    VGGish,
)

EXTRACTORS: Mapping[type[Config], Callable[[Any, FrameSampling], FeatureExtractor]] = {
    Flow: FlowExtractor,
    Regions: RegionsExtractor,
    LogMel: LogMelExtractor,
    VGGish: VGGishExtractor,
    AudioWords: AudioWordsExtractor,
    Category: CategoryExtractor,
}

PASSES: Mapping[type[Config], Callable[..., NetworkPass]] = {
    FrameGrid: FramePass,
    ChunkGrid: ChunkPass,
}


def build(spec: FeatureSpec) -> dict[str, FeatureExtractor]:
    """Builds the extractors of a specification's features, by name and in their order.

    Raises:
        ConfigError: A feature names a network or layer that there is not, or is not
            made from the clip.
        WeightsError: A network's weights are not to be had.
    """
    maps = [f for f in spec.features if isinstance(f, FrameGrid | ChunkGrid)]
    passes = {}
    for group in share(maps):
        network = PASSES[type(group[0])](*group)
        passes.update(dict.fromkeys(network.names, network))
    return {
        feature.name: PassExtractor(passes[feature.name], feature.name)
        if feature.name in passes
        else _single(feature, spec.sampling)
        for feature in spec.features
    }


def _single(feature: Feature, sampling: FrameSampling) -> FeatureExtractor:
    if isinstance(feature, Imported):
        raise ConfigError(
            f"feature {feature.name} is imported from files "
            f"({feature.origin or 'of unknown origin'}) and cannot be extracted from a "
            "clip."
        )
    return EXTRACTORS[type(feature)](feature, sampling)
