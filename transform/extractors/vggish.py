"""`VGGishExtractor`: VGGish's embeddings of a clip's sound track."""

from __future__ import annotations

import numpy as np

from transform.audio import log_mel
from transform.backbones import loading
from transform.schema import FrameSampling, LogMel, VGGish
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class VGGishExtractor:
    """Embeds each patch of the sound track with VGGish."""

    def __init__(self, feature: VGGish, sampling: FrameSampling):
        del sampling
        self._patches = LogMel(max_patches=feature.max_patches)
        self._embed = loading.load_embedder(feature)

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns no requests: the feature needs no frames."""
        return ()

    def extract(self, clip: Clip) -> np.ndarray | None:
        """Returns (P, 128) float32; None without sound, or with too little."""
        patches = log_mel.log_mel(clip.samples, self._patches)  # (P, 96, 64)
        return self._embed(patches) if len(patches) else None
