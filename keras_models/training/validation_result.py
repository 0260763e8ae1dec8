"""The outcome of one validation: metrics and a few captions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True)
class ValidationMetrics:
    """The metrics of a model on the validation clips.

    Attributes:
        monitor: Name of the metric that chooses the best weights.
        values: All metrics by name; empty before the first validation.
    """

    monitor: str
    values: Mapping[str, float]

    @property
    def score(self) -> float:
        """The value of the monitored metric, -1 before the first validation."""
        return self.values.get(self.monitor, -1.0)


class CaptionSample(NamedTuple):
    """One validation clip with its caption, to be shown to a person."""

    video_id: str
    caption: str
    references: tuple[str, ...]
    attention: Mapping[str, np.ndarray] = {}  # by name, each (words and <eos>, T)


class ValidationResult(NamedTuple):
    """The metrics of one validation by name, and samples of its captions."""

    metrics: Mapping[str, float]
    samples: tuple[CaptionSample, ...] = ()
