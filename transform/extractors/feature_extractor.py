"""`FeatureExtractor`: the interface that every extractor has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class FeatureExtractor(Protocol):
    """Computes one feature of clips, one clip at a time.

        extractor = FlowExtractor(feature, spec.sampling)
        frames = reader.read_frames(path, spec.sampling, extractor.frame_requests())
        values = extractor.extract(Clip(path, frames))

    It may be used by several threads.
    """

    def frame_requests(self) -> Sequence[FrameRequest]:
        """Returns the frames to decode; `clip.samples` has the sound unasked."""
        ...

    def extract(self, clip: Clip) -> np.ndarray | None:
        """Returns (steps, *step_shape), as the feature's `tensor` says; None if absent.

        Planes are uint8; other values float16, or float32 that is yet to be narrowed.
        """
        ...


def to_float16(name: str, values: np.ndarray) -> np.ndarray:
    """Narrows a feature's values to float16, as they are stored.

    Raises:
        ValueError: Some are beyond its range.
    """
    with np.errstate(over="ignore"):
        narrowed = values.astype(np.float16)
    if not np.isfinite(narrowed).all():
        raise ValueError(f"feature {name} has values beyond float16's range")
    return narrowed
