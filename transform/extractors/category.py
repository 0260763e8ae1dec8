"""`Category`: no clip shows it."""

from __future__ import annotations

from transform.schema import Category, FrameSampling
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class CategoryExtractor:
    """Nothing: `example_codec.to_example` takes it from the annotation."""

    def __init__(self, feature: Category, sampling: FrameSampling):
        del feature, sampling

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """No frames."""
        return ()

    def extract(self, clip: Clip) -> None:
        """Nothing."""
        del clip
