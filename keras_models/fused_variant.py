"""`FusedVariant`: what a late fusion is made of."""

from __future__ import annotations

from typing import ClassVar

from keras_models.ensembling.relevance.model import RelevanceConfig
from keras_models.joint_variant import JointVariant


class FusedVariant(JointVariant):
    """One row of a paper's table in which several models' captions compete.

    The members are trained on their own, and so is the relevance model.
    """

    joined_as: ClassVar[str] = "late fusion"

    relevance: RelevanceConfig

    def features(self) -> tuple[str, ...]:
        """The record features that the members and the relevance model read."""
        return tuple(dict.fromkeys(super().features() + self.relevance.features()))
