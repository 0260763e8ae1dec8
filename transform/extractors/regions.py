"""`RegionsExtractor`: vectors of the objects in frames of a clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from transform.backbones import boxes, loading
from transform.backbones.boxes import Detections
from transform.common.config import Config
from transform.extractors.chunk_grid import ChunkPass
from transform.extractors.frame_grid import FramePass
from transform.extractors.network_pass import NetworkPass
from transform.schema import ChunkMap, FrameMap, FrameSampling, OwnHead, Regions
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest

MOST_FRAMES = 8  # whose regions are cut out at once


class RegionsExtractor:
    """Finds objects with a detector and describes each by a vector.

    Features of the same objects look for them once.
    """

    def __init__(self, feature: Regions, sampling: FrameSampling):
        del sampling
        self._feature = feature
        self._frames = FrameRequest(feature.size, feature.at, feature.fit)
        self._detector = loading.load_detector(feature)
        self._vectors = _VECTORS[type(feature.source)](feature)

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns the requests for a frame a step, and for the maps' frames."""
        return (self._frames, *self._vectors.frame_requests())

    def extract(self, clip: Clip) -> np.ndarray:
        """Returns (N, count, width) float32; zeros for absent regions."""
        found = clip.once((self._detector, self._frames), lambda: self._detect(clip))
        clip.boxes[self._feature.name] = np.asarray(found.boxes)
        return self._vectors.of(found, clip)

    def _detect(self, clip: Clip) -> Detections:
        frames, rows = clip.frame_set(self._frames)
        size = self._feature.size
        window = self._feature.fit.window(clip.info.height, clip.info.width, size)
        return self._detector(frames[rows[:, 0]], window)


class _Vectors(Protocol):
    """Interface of the descriptions of regions."""

    def frame_requests(self) -> Sequence[FrameRequest]: ...

    def of(self, found: Detections, clip: Clip) -> np.ndarray: ...


class _Own:
    def __init__(self, feature: Regions):
        del feature

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        return ()

    def of(self, found: Detections, clip: Clip) -> np.ndarray:
        del clip
        return found.features


class _Pooled:
    """Averages another network's maps inside of the boxes."""

    def __init__(self, maps: NetworkPass, source: FrameMap | ChunkMap, count: int):
        self._maps = maps
        shape = [None, *source.grid, source.width]

        @tf.function(
            input_signature=[
                tf.TensorSpec(shape, tf.float32),
                tf.TensorSpec([None, count, 4], tf.float32),
                tf.TensorSpec([None, count], tf.float32),
            ]
        )
        def pool(maps: tf.Tensor, edges: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
            return boxes.pool(maps, edges, scores > 0)

        self._pool = pool

    @classmethod
    def of_frames(cls, feature: Regions) -> _Pooled:
        """Pools a 2-D network's maps of the same frame."""
        assert isinstance(feature.source, FrameMap)
        maps = feature.source.feature(feature.name, feature.at)
        return cls(FramePass(maps), feature.source, feature.count)

    @classmethod
    def of_chunks(cls, feature: Regions) -> _Pooled:
        """Pools a 3-D network's maps of the frames around."""
        assert isinstance(feature.source, ChunkMap)
        maps = feature.source.feature(feature.name, feature.at)
        return cls(ChunkPass(maps), feature.source, feature.count)

    def frame_requests(self) -> Sequence[FrameRequest]:
        return self._maps.frame_requests()

    def of(self, found: Detections, clip: Clip) -> np.ndarray:
        parts = []
        first = 0
        for (maps,) in self._maps.steps(clip):  # (n, rows, columns, width)
            for part in np.split(maps, range(MOST_FRAMES, len(maps), MOST_FRAMES)):
                some = slice(first, first + len(part))
                parts.append(self._pool(part, found.boxes[some], found.scores[some]))
                first = some.stop
        return np.concatenate(parts)


_VECTORS: Mapping[type[Config], Callable[[Regions], _Vectors]] = {
    OwnHead: _Own,
    FrameMap: _Pooled.of_frames,
    ChunkMap: _Pooled.of_chunks,
}
