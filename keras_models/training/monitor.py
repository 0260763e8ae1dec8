"""`Monitor`: what chooses the best weights of a training run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Union

from keras_models.metrics import METRICS, canonical_name

VALIDATION_LOSS = "validation_loss"

# A metric's name, "loss", or the weights of several metrics by their names.
MonitorSetting = Union[str, dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Monitor:
    """The weighted sum of validation metrics that chooses the best weights.

    Attributes:
        weights: Each metric's weight by the metric's name.
        higher_is_better: Whether that is so of these metrics.
    """

    weights: Mapping[str, float]
    higher_is_better: bool = True

    @classmethod
    def from_setting(cls, setting: MonitorSetting) -> Monitor:
        """Returns the monitor that a setting names.

        Raises:
            ValueError: It names what is no metric, or metrics that do not add up.
        """
        if setting == "loss":
            return cls({VALIDATION_LOSS: 1.0}, higher_is_better=False)
        typed = {setting: 1.0} if isinstance(setting, str) else setting
        weights = {canonical_name(name): weight for name, weight in typed.items()}
        for name in weights:
            if name not in METRICS:
                raise ValueError(
                    f"there is no metric {name!r}; name loss alone, or some of "
                    f"{', '.join(METRICS)}"
                )
        if not weights or min(weights.values()) <= 0:
            raise ValueError("every weight must be above 0")
        directions = {METRICS[name].higher_is_better for name in weights}
        if len(directions) > 1:
            raise ValueError("higher values must be better of all metrics, or of none")
        return cls(weights, directions.pop())

    @property
    def name(self) -> str:
        """The metrics with their weights, as in "BLEU-4 + 2 METEOR"."""
        return " + ".join(
            name if weight == 1 else f"{weight:g} {name}"
            for name, weight in self.weights.items()
        )

    def measured_in(self, metrics: Mapping[str, float]) -> bool:
        """Returns whether the value follows from some metrics."""
        return all(name in metrics for name in self.weights)

    def value(self, metrics: Mapping[str, float]) -> float:
        """Returns the weighted sum, of metrics in which it is measured."""
        return sum(weight * metrics[name] for name, weight in self.weights.items())

    def score(self, metrics: Mapping[str, float]) -> float:
        """Returns the value with the sign by which higher is better.

        It is −∞ of metrics in which the monitor is not measured, as before the first
        validation.
        """
        if not self.measured_in(metrics):
            return -math.inf
        return self.value(metrics) if self.higher_is_better else -self.value(metrics)


def known_monitor(setting: MonitorSetting | None) -> MonitorSetting | None:
    """Returns a setting as it is, or raises `ValueError`: a field's validator."""
    if setting is not None:
        Monitor.from_setting(setting)
    return setting
