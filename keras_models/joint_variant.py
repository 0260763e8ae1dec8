"""`JointVariant`: what several captioners that act as one are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import pydantic

from keras_models.captioner_config import Variant
from transform.common.config import Config

JointVariantT = TypeVar("JointVariantT", bound="JointVariant")


class JointVariant(Config):
    """Variants that are trained on their own, then joined."""

    joined_as: ClassVar[str]  # how a row calls it

    system: str  # the paper's name for it
    row: str  # where the paper reports it
    members: dict[str, Variant]  # by their names in the registry, or a user's own

    @pydantic.validator("members")
    def _several(cls, members: dict[str, Variant]) -> dict[str, Variant]:  # noqa: N805
        if len(members) < 2:
            raise ValueError("at least two members are needed")
        return members

    @classmethod
    def of(
        cls: type[JointVariantT], members: Mapping[str, Variant], **parts: Any
    ) -> JointVariantT:
        """A user's own, that no table has.

        Args:
            members: By the names that the user gives them.
            parts: What this kind has beyond members.
        """
        systems = dict.fromkeys(member.system for member in members.values())
        return cls(
            system=", ".join(systems),
            row=f"{cls.joined_as} of {', '.join(members)}",
            members=dict(members),
            **parts,
        )

    def features(self) -> tuple[str, ...]:
        """The record features that the members read."""
        read = [member.features() for member in self.members.values()]
        return tuple(dict.fromkeys(name for names in read for name in names))
