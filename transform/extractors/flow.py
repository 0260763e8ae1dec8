"""`FlowExtractor`: optical flow around the key frames of a clip."""

from __future__ import annotations

import numpy as np

from transform.schema import Flow, FrameSampling
from transform.schema.resize import OwnShape
from transform.video import optical_flow
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class FlowExtractor:
    """Computes optical flow within the window of each key frame."""

    def __init__(self, feature: Flow, sampling: FrameSampling):
        self._feature = feature
        self._frames = FrameRequest(
            feature.max_side,
            resize=OwnShape(),
            pixels="gray",
            chunk_size=sampling.window,
        )

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns the request for the windows of grey frames."""
        return (self._frames,)

    def extract(self, clip: Clip) -> np.ndarray | None:
        """Returns (N, size, size, 2M) uint8 planes; None for a clip of one frame."""
        if clip.info.frames == 1:
            return None
        windows = clip.frame_set(self._frames)
        return optical_flow.flow_stack(windows.frames, windows.rows, self._feature)
