"""When a run has gone wrong, and what then."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pydantic

from transform.config import Config
from transform.errors import KinescribeError


class TrainingError(KinescribeError):
    """Training came to nothing; the message says in which stage and why."""


class Guards(Config):
    """Compares a run with its own best checkpoint.

    A run that trips goes back to it with a learning rate `rate_factor` times as high;
    when it has done so `rollbacks` times in a stage, the stage ends there instead.
    Scores below `floor` say too little about a run to judge it by.
    """

    floor: float = pydantic.Field(0.2, ge=0)  # CIDEr-D
    score_ratio: float = pydantic.Field(0.4, ge=0, lt=1)  # of the best CIDEr-D
    distinct_ratio: float = pydantic.Field(0.2, ge=0, lt=1)  # of the captions then
    rate_factor: float = pydantic.Field(0.5, gt=0, le=1)
    rollbacks: int = pydantic.Field(1, ge=0)

    def check_step(self, values: Mapping[str, float]) -> str:
        """What is wrong with a step's losses, '' if nothing."""
        for name, value in values.items():
            if not math.isfinite(value):
                return f"{name} is {value}"
        return ""

    def check_captions(
        self, score: float, distinct: int, best_score: float, best_distinct: int
    ) -> str:
        """What is wrong with the validation captions, '' if nothing."""
        if best_score < self.floor:
            return ""
        if score < self.score_ratio * best_score:
            return f"validation CIDEr-D fell from {best_score:.3f} to {score:.3f}"
        if distinct < self.distinct_ratio * best_distinct:
            return (
                f"the validation captions collapsed from {best_distinct} different "
                f"ones to {distinct}"
            )
        return ""
