"""`Category`: no clip shows it."""

from __future__ import annotations

from transform.clip import Clip
from transform.footage import FrameRequest
from transform.schema import Category, Sampling


class CategoryExtractor:
    """Nothing: `transform.records.to_example` takes it from the clip's annotation."""

    def __init__(self, feature: Category, sampling: Sampling):
        del feature, sampling

    def wanted(self) -> tuple[FrameRequest, ...]:
        """No frames."""
        return ()

    def extract(self, clip: Clip) -> None:
        """Nothing."""
        del clip
