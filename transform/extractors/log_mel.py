"""`LogMelExtractor`: log-mel patches of a clip's sound track."""

from __future__ import annotations

import numpy as np

from transform.audio import log_mel
from transform.schema import FrameSampling, LogMel
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class LogMelExtractor:
    """Computes the log-mel patches of the sound track."""

    def __init__(self, feature: LogMel, sampling: FrameSampling):
        del sampling
        self._feature = feature

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns no requests: the feature needs no frames."""
        return ()

    def extract(self, clip: Clip) -> np.ndarray | None:
        """Returns (P, 96, bands) float32; None without sound, or with too little."""
        patches = log_mel.log_mel(clip.samples, self._feature)
        return patches if len(patches) else None
