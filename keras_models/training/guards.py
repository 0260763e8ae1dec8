"""Guards detect a training run that diverges or whose captions collapse."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from keras_models.metrics.cider_d import CiderD
from keras_models.training.monitor import Monitor
from keras_models.training.validation_result import (
    ValidationMetrics,
    ValidationResult,
)
from transform.common.config import Config, Field
from transform.common.errors import KinescribeError

CIDER_D = CiderD.name
DISTINCT_CAPTIONS = "distinct_captions"
BAD_ENDINGS = "bad_endings"
_CIDER_D = Monitor({CIDER_D: 1.0})


class TrainingError(KinescribeError):
    """Training left no usable weights; the message names the stage and the reason."""


class Guards(Config):
    """Rules that compare a run with its own best weights.

    A run that triggers one is rolled back to these weights with a learning rate
    `rate_factor` times as high; after `rollbacks` rollbacks within a stage, the stage
    ends there instead. Below a best score of `floor`, validations are not judged.
    """

    floor: float = Field(0.2, ge=0)  # best score from which on runs are judged
    score_ratio: float = Field(0.4, ge=0, lt=1)  # of the best score
    # that a rollback multiplies the learning rate by
    rate_factor: float = Field(0.5, gt=0, le=1)
    rollbacks: int = Field(1, ge=0)  # how many a stage may have

    def check_finite(self, values: Mapping[str, float]) -> str:
        """Returns the problem with losses and metrics, '' if all are finite."""
        for name, value in values.items():
            if not math.isfinite(value):
                return f"{name} is {value}"
        return ""

    def check_validation(
        self, metrics: ValidationMetrics, best: ValidationMetrics
    ) -> str:
        """Returns the problem with a validation, '' if there is none.

        Args:
            metrics: The metrics of the current weights.
            best: The metrics of the best weights so far.
        """
        if best.score < self.floor:
            return ""
        if metrics.score < self.score_ratio * best.score:
            return (
                f"validation {metrics.monitor.name} fell from {best.score:.3f} to "
                f"{metrics.score:.3f}"
            )
        return ""

    def warning(self, validation: ValidationResult) -> str:
        """Returns what a person should know of a validation that is no problem."""
        del validation
        return ""


class CaptionGuards(Guards):
    """Guards of a captioner, which also detect captions that collapse or break off.

    Their score is CIDEr-D, which is part of every validation, whatever is monitored.
    """

    distinct_ratio: float = Field(0.2, ge=0, lt=1)  # of the best weights' captions
    bad_endings_rise: float = Field(0.3, ge=0, le=1)  # of the share of captions

    def check_validation(
        self, metrics: ValidationMetrics, best: ValidationMetrics
    ) -> str:
        """Returns the problem with the validation captions, '' if there is none."""
        metrics, best = (
            dataclasses.replace(each, monitor=_CIDER_D) for each in (metrics, best)
        )
        if best.score < self.floor:
            return ""
        if problem := super().check_validation(metrics, best):
            return problem
        distinct, before = (
            values[DISTINCT_CAPTIONS] for values in (metrics.values, best.values)
        )
        if distinct < self.distinct_ratio * before:
            return (
                f"the validation captions collapsed from {before} different ones to "
                f"{distinct}"
            )
        endings, before = (
            values[BAD_ENDINGS] for values in (metrics.values, best.values)
        )
        if endings > before + self.bad_endings_rise:
            return (
                "validation captions that break off, as in “… with a”, rose from "
                f"{before:.0%} to {endings:.0%}"
            )
        return ""

    def warning(self, validation: ValidationResult) -> str:
        """Returns a sentence where all clips have one caption, which sees no clip.

        It is a warning, not a problem: so begins many a run, and the best weights, to
        which a rollback would go, write no better ones.
        """
        if validation.metrics[DISTINCT_CAPTIONS] > 1 or len(validation.samples) < 2:
            return ""
        return (
            f"all validation clips have the caption “{validation.samples[0].caption}”; "
            "unless that changes, train for more steps, or at another learning rate"
        )
