"""The outcome of one validation: metrics and a few captions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_models.training.monitor import Monitor


@dataclasses.dataclass(frozen=True)
class ValidationMetrics:
    """The metrics of a model on the validation clips.

    Attributes:
        monitor: What chooses the best weights.
        values: All metrics by name; empty before the first validation.
    """

    monitor: Monitor
    values: Mapping[str, float]

    @property
    def score(self) -> float:
        """What chooses the best weights; higher is better."""
        return self.monitor.score(self.values)

    def __str__(self) -> str:
        return f"{self.monitor.name} {self.monitor.value(self.values):.3f}"


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
