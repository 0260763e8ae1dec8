"""`FrameGrid` of a clip."""

from __future__ import annotations

import numpy as np

from transform import backbones
from transform.backbones import batching
from transform.clip import Clip
from transform.footage import FrameRequest
from transform.schema import FrameGrid, Sampling

MOST_FRAMES = 32  # that a network is given at once


class FrameGridExtractor:
    """A 2-D network's map of single frames."""

    def __init__(self, feature: FrameGrid, sampling: Sampling):
        del sampling
        self._frames = FrameRequest(feature.size, feature.at, feature.fit)
        self._network = backbones.load(feature)

    def wanted(self) -> tuple[FrameRequest, ...]:
        """A frame a step."""
        return (self._frames,)

    def extract(self, clip: Clip) -> np.ndarray:
        """(N, [rows, columns,] width) float32."""
        frames, runs = clip.footage(self._frames)
        return batching.run(self._network, frames[runs[:, 0]], MOST_FRAMES)
