"""`FusedVariant`: what a late fusion is made of."""

from __future__ import annotations

import pydantic

from keras_models.relevance.relevance_model import RelevanceConfig
from keras_models.variant import Variant
from transform.config import Config


class FusedVariant(Config):
    """One row of a paper's table in which several models' captions compete.

    The members are trained on their own, and so is the relevance model.
    """

    system: str  # the paper's name for it
    row: str  # where the paper reports it
    members: dict[str, Variant]  # by their names in the registry
    relevance: RelevanceConfig

    @pydantic.validator("members")
    def _several(cls, members: dict[str, Variant]) -> dict[str, Variant]:  # noqa: N805
        if len(members) < 2:
            raise ValueError("at least two members are needed")
        return members

    def features(self) -> tuple[str, ...]:
        """The record features that the members and the relevance model read."""
        read = [member.features() for member in self.members.values()]
        read.append(self.relevance.features())
        return tuple(dict.fromkeys(name for names in read for name in names))
