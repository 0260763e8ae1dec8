"""`AudioWords` of a clip."""

from __future__ import annotations

import numpy as np

from transform import audio_words, backbones
from transform.clip import Clip
from transform.footage import FrameRequest
from transform.schema import AudioWords, Sampling


class AudioWordsExtractor:
    """How often each word of a codebook is heard in the sound track."""

    def __init__(self, feature: AudioWords, sampling: Sampling):
        del sampling
        self._feature = feature
        self._codebook = backbones.load_codebook(feature)

    def wanted(self) -> tuple[FrameRequest, ...]:
        """No frames."""
        return ()

    def extract(self, clip: Clip) -> np.ndarray | None:
        """(1, words) float32; None without sound, or with less than 25 ms."""
        windows = audio_words.windows_of(clip.samples, self._feature)  # (W, D)
        return audio_words.bag(windows, self._codebook) if len(windows) else None
