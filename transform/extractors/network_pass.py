"""One pass of a network through a clip, for all features that are taken of it.

Features of one network, one layer of it each, see the same frames: the network runs on
them once, and each feature is one of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from transform.backbones import batching
from transform.extractors.feature_extractor import to_float16
from transform.schema import ChunkGrid, FrameGrid
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest

FeatureT = TypeVar("FeatureT", bound=FrameGrid | ChunkGrid)

# What two features of one pass may differ in. Where their weights lie is none of it:
# that they are the same is known by their hash.
_DIFFERS = {"name", "layer", "grid", "width", "times", "map_times", "weights"}


class NetworkPass(Protocol):
    """Interface of a network together with the frames of a clip that it sees."""

    def __hash__(self) -> int: ...

    @property
    def names(self) -> Sequence[str]:
        """The names of the features."""
        ...

    def frame_requests(self) -> Sequence[FrameRequest]:
        """Returns the requests for the frames that the network sees."""
        ...

    def steps(self, clip: Clip) -> Iterator[tuple[np.ndarray, ...]]:
        """Yields a batch's steps, float32 (n, [rows, columns,] width), by feature."""
        ...


class PassExtractor:
    """Extracts one feature of a pass; the first one extracted brings the others.

    What a batch gives is narrowed at once: of a long clip, float32 maps of all layers
    would take several times what is kept of them.
    """

    def __init__(self, network: NetworkPass, name: str):
        self._network = network
        self._place = network.names.index(name)

    def frame_requests(self) -> Sequence[FrameRequest]:
        """Returns the requests for the frames of the pass."""
        return self._network.frame_requests()

    def extract(self, clip: Clip) -> np.ndarray:
        """Returns (N, [rows, columns,] width) float16."""
        return clip.once(self._network, lambda: self._all(clip))[self._place]

    def _all(self, clip: Clip) -> tuple[np.ndarray, ...]:
        return batching.joined(
            tuple(map(to_float16, self._network.names, steps))
            for steps in self._network.steps(clip)
        )


def share(features: Iterable[FeatureT]) -> list[tuple[FeatureT, ...]]:
    """Groups features that one pass of a network serves.

    Only features whose `weights_sha256` is known share one.
    """
    groups: dict[tuple, list[FeatureT]] = {}
    for feature in features:
        alone = "" if feature.weights_sha256 else feature.name
        same: tuple[Any, ...] = tuple(
            item for item in feature if item[0] not in _DIFFERS
        )
        groups.setdefault((type(feature), alone, *same), []).append(feature)
    return [tuple(group) for group in groups.values()]
