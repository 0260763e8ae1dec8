"""`CategoryExtractor`: stands in for a feature that comes from the annotation."""

from __future__ import annotations

from transform.schema import Category, FrameSampling
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class CategoryExtractor:
    """Extracts nothing: `example_codec.to_example` reads the annotation's category."""

    def __init__(self, feature: Category, sampling: FrameSampling):
        del feature, sampling

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns no requests: the feature needs no frames."""
        return ()

    def extract(self, clip: Clip) -> None:
        """Returns None: no clip shows its category."""
        del clip
