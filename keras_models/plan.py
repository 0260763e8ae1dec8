"""What a model is trained on, in which order: a plan's stages."""

from __future__ import annotations

import re
from typing import Annotated, Optional, Union

import pydantic

from keras_models.learning_rates import ConstantRate, LearningRate
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_step import FirstStep
from keras_models.objectives.kept_key_frames import KeptKeyFrames
from keras_models.objectives.key_frame import KeyFrame
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.self_critical import SelfCritical
from keras_models.optimizers import Adam, OptimizerConfig
from transform.config import Config

ObjectiveConfig = Annotated[
    Union[CrossEntropy, SelfCritical, FirstStep, KeyFrame, KeptKeyFrames, MultiSample],
    pydantic.Field(discriminator="kind"),
]


class Stage(Config):
    """One objective, optimised for some epochs.

    A stage starts from the best weights of the stage before it.
    """

    name: str = pydantic.Field(min_length=1)
    objective: ObjectiveConfig = CrossEntropy()
    epochs: int = pydantic.Field(ge=1)
    optimizer: OptimizerConfig = Adam()
    learning_rate: LearningRate = ConstantRate()
    clip_norm: Optional[float] = pydantic.Field(5.0, gt=0)  # of all gradients together
    l2: float = pydantic.Field(0.0, ge=0)  # MGSA Sec. 4.2: 5e-5, of the kernels
    frozen: tuple[str, ...] = ()  # regular expressions, found in a weight's name
    validate_every: int = pydantic.Field(1, ge=1)  # epochs
    patience: Optional[int] = pydantic.Field(None, ge=1)  # validations without progress

    @pydantic.validator("frozen", each_item=True)
    def _compiles(cls, pattern: str) -> str:  # noqa: N805
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return pattern


class Plan(Config):
    """A model's training from the first to the last stage."""

    stages: tuple[Stage, ...]

    @pydantic.validator("stages")
    def _distinct(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:  # noqa: N805
        if not stages:
            raise ValueError("a plan needs at least one stage")
        names = [stage.name for stage in stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names must differ; received {names}")
        return stages
