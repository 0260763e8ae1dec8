"""`Gate`: the interface of the gates, each of them settings and a look at evidence."""

from __future__ import annotations

import abc
from collections.abc import Iterator

from keras_models.metrics import METRICS, canonical_name
from serving.gates.evidence import Evidence, Sampling
from serving.gates.verdict import Finding
from transform.common.config import Config, validator


class Gate(Config, abc.ABC):
    """A condition that a model has to meet, with its settings as fields."""

    @abc.abstractmethod
    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields what the gate finds, whether it refuses the model or not.

        Args:
            evidence: What was measured.
            sampling: How differences of scores are resampled.
        """


class MetricGate(Gate):
    """A gate that compares by one metric."""

    metric: str = "CIDEr-D"  # that is compared

    @validator("metric")
    def _known(cls, value: str) -> str:
        name = canonical_name(value)
        if name not in METRICS:
            raise ValueError(f"{value!r} is none of {', '.join(METRICS)}")
        return name
