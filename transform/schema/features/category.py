"""`Category`: the topic of a clip, as the annotation names it."""

from __future__ import annotations

from typing import ClassVar, Literal

from transform.common.config import Config, validator
from transform.schema.encodings import FeatureLayout, Label
from transform.schema.frame_placement import FrameSampling


class Category(Config):
    """The clip's category, one-hot over `names`: one step, (1, len(names)).

    It comes from the annotation, or with a request, and not from the clip: a record
    holds the category's name, from which the values are made when it is parsed. A clip
    without a category has no step: its mask is False.
    """

    extractor: ClassVar[str] = "transform.extractors.category:CategoryExtractor"

    kind: Literal["category"] = "category"
    name: str = "category"  # what records and models call it
    names: tuple[str, ...]  # the categories, in the order of the vector

    @validator("names")
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or not all(names) or len(set(names)) != len(names):
            raise ValueError("categories need names that differ and are not empty")
        return names

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        del sampling
        encoding = Label(names=self.names)
        return FeatureLayout(self.name, 1, (len(self.names),), encoding)
