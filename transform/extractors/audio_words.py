"""`AudioWordsExtractor`: a bag of words of a clip's sound track."""

from __future__ import annotations

import numpy as np

from transform.audio import bag_of_words
from transform.backbones import loading
from transform.schema import AudioWords, FrameSampling
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class AudioWordsExtractor:
    """Counts how often each word of a codebook is heard in the sound track."""

    def __init__(self, feature: AudioWords, sampling: FrameSampling):
        del sampling
        self._feature = feature
        self._codebook = loading.load_codebook(feature)

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns no requests: the feature needs no frames."""
        return ()

    def extract(self, clip: Clip) -> np.ndarray | None:
        """Returns (1, words) float32; None without sound, or with less than 25 ms."""
        windows = bag_of_words.windows_of(clip.samples, self._feature)  # (W, D)
        if not len(windows):
            return None
        return bag_of_words.bag(windows, self._codebook, self._feature)
