"""`EnsembleVariant`: what an ensemble is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pydantic

from keras_models.joint_variant import JointVariant


class EnsembleVariant(JointVariant):
    """Several models whose word distributions are averaged at every word.

    The members are trained on their own, often as one row with several seeds.
    """

    joined_as: ClassVar[str] = "ensemble"

    # How much each member counts, by its name; 1 where nothing is said.
    weights: dict[str, float] = pydantic.Field(default_factory=dict)

    @pydantic.validator("weights")
    def _one_each(
        cls,  # noqa: N805
        weights: dict[str, float],
        values: Mapping[str, Any],
    ) -> dict[str, float]:
        members = values.get("members", weights)
        if unknown := weights.keys() - members:
            raise ValueError(f"there are no members {sorted(unknown)}")
        if not all(0 < weight < math.inf for weight in weights.values()):
            raise ValueError("weights are positive numbers")
        return {name: weights.get(name, 1.0) for name in members}

    def shares(self) -> dict[str, float]:
        """The weights, scaled to sum to 1."""
        total = sum(self.weights.values())
        return {name: weight / total for name, weight in self.weights.items()}
