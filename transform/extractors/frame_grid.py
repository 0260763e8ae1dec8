"""`FramePass`: maps of a 2-D network for frames of a clip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from transform.backbones import batching, loading
from transform.schema import FrameGrid
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest

MOST_FRAMES = 32  # that a network is given at once


class FramePass:
    """Runs a 2-D network on single frames.

    Args:
        features: of one pass; see `network_pass.share`.
    """

    def __init__(self, *features: FrameGrid):
        first = features[0]
        self.names = [feature.name for feature in features]
        self._frames = FrameRequest(first.size, first.at, first.fit)
        self._network = loading.load(*features)

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns the request for a frame a step."""
        return (self._frames,)

    def steps(self, clip: Clip) -> Iterator[tuple[np.ndarray, ...]]:
        """Yields a batch's steps of each feature; see `NetworkPass`."""
        frames, rows = clip.frame_set(self._frames)
        for first in range(0, len(rows), MOST_FRAMES):
            batch = frames[rows[first : first + MOST_FRAMES, 0]]
            yield batching.run(self._network, batch, MOST_FRAMES)
