"""Extractors: one file for each kind of feature, which names its own by `extractor`.

Their interface is `feature_extractor.FeatureExtractor`. Most are built with the feature
and the specification's sampling; those of networks' maps, with the pass of the network
that they share.
"""

from __future__ import annotations

import pkgutil
from typing import Any

from transform.common.config import ConfigError
from transform.extractors.feature_extractor import FeatureExtractor
from transform.extractors.network_pass import PassExtractor, share
from transform.schema import ChunkGrid, Feature, FeatureSpec, FrameGrid, Imported


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
        network = _class_of(group[0])(*group)
        passes.update(dict.fromkeys(network.names, network))
    return {
        feature.name: PassExtractor(passes[feature.name], feature.name)
        if feature.name in passes
        else _class_of(feature)(feature, spec.sampling)
        for feature in spec.features
    }


def _class_of(feature: Feature) -> Any:
    """Returns the class that a feature names, of which module and class are known."""
    if isinstance(feature, Imported):
        raise ConfigError(
            f"feature {feature.name} is imported from files "
            f"({feature.origin or 'of unknown origin'}) and cannot be extracted from a "
            "clip."
        )
    return pkgutil.resolve_name(feature.extractor)
