"""The face of every extractor: what it needs of a clip, what it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class FeatureExtractor(Protocol):
    """Makes one feature of clips, one clip at a time.

        extractor = FrameGridExtractor(feature, spec.sampling)
        frames = video_io.read_frames(path, spec.sampling, extractor.frame_requests())
        values = extractor.extract(Clip(path, frames))

    It may be used by several threads.
    """

    def frame_requests(self) -> Sequence[FrameRequest]:
        """The frames to decode; sound needs no request: `clip.samples` has it."""
        ...

    def extract(self, clip: Clip) -> np.ndarray | None:
        """(steps, *step_shape) as the feature's `tensor` says, or None if absent.

        Planes are uint8; other values float16, or float32 that is yet to be narrowed.
        """
        ...


def halves(name: str, values: np.ndarray) -> np.ndarray:
    """The float16 that is stored of a feature's values.

    Raises:
        ValueError: Some are beyond its range.
    """
    with np.errstate(over="ignore"):
        narrowed = values.astype(np.float16)
    if not np.isfinite(narrowed).all():
        raise ValueError(f"feature {name} has values beyond float16's range")
    return narrowed
