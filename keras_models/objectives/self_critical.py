"""Self-critical sequence training: REINFORCE on the captions' scores."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import pydantic

from keras_models.objectives.cross_entropy import CrossEntropy
from transform.config import Config


class GreedyBaseline(Config):
    """The greedy caption's reward (Rennie et al., 2017)."""

    kind: Literal["greedy"] = "greedy"


class LeaveOneOutBaseline(Config):
    """The mean reward of a clip's other samples (Kool et al., 2019)."""

    kind: Literal["leave_one_out"] = "leave_one_out"


Baseline = Annotated[
    Union[GreedyBaseline, LeaveOneOutBaseline], pydantic.Field(discriminator="kind")
]


class SelfCritical(Config):
    """−(r − b) · log p of sampled captions, mixed with cross-entropy.

    loss = (1 − cross_entropy_weight) · policy loss + cross_entropy_weight · CE
    """

    kind: Literal["self_critical"] = "self_critical"
    reward: dict[str, float] = pydantic.Field({"CIDEr": 1.0})
    samples: int = pydantic.Field(5, ge=1)  # per clip
    baseline: Baseline = LeaveOneOutBaseline()
    cross_entropy: CrossEntropy = CrossEntropy()
    cross_entropy_weight: float = pydantic.Field(0.0, ge=0, lt=1)
