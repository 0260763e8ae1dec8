"""When a run has gone wrong, and what then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from transform.common.config import Config, Field
from transform.common.errors import KinescribeError


class TrainingError(KinescribeError):
    """Training came to nothing; the message says in which stage and why."""


class ValidationMetrics(NamedTuple):
    """What the captions of the validation clips are like."""

    score: float  # CIDEr-D
    distinct: int  # different captions
    bad_endings: float  # share of captions that end as in "… with a"


class Guards(Config):
    """Compares a run with its own best checkpoint.

    A run that trips goes back to it with a learning rate `rate_factor` times as high;
    when it has done so `rollbacks` times in a stage, the stage ends there instead.
    Scores below `floor` say too little about a run to judge it by.
    """

    floor: float = Field(0.2, ge=0)  # CIDEr-D
    score_ratio: float = Field(0.4, ge=0, lt=1)  # of the best CIDEr-D
    distinct_ratio: float = Field(0.2, ge=0, lt=1)  # of the captions then
    bad_endings_rise: float = Field(0.3, ge=0, le=1)  # of their share
    rate_factor: float = Field(0.5, gt=0, le=1)
    rollbacks: int = Field(1, ge=0)

    def check_step(self, values: Mapping[str, float]) -> str:
        """What is wrong with a step's losses, '' if nothing."""
        for name, value in values.items():
            if not math.isfinite(value):
                return f"{name} is {value}"
        return ""

    def check_captions(self, found: ValidationMetrics, best: ValidationMetrics) -> str:
        """What is wrong with the validation captions, '' if nothing."""
        if best.score < self.floor:
            return ""
        if found.score < self.score_ratio * best.score:
            return f"validation CIDEr-D fell from {best.score:.3f} to {found.score:.3f}"
        if found.distinct < self.distinct_ratio * best.distinct:
            return (
                f"the validation captions collapsed from {best.distinct} different "
                f"ones to {found.distinct}"
            )
        if found.bad_endings > best.bad_endings + self.bad_endings_rise:
            return (
                "validation captions that break off, as in “… with a”, rose from "
                f"{best.bad_endings:.0%} to {found.bad_endings:.0%}"
            )
        return ""
