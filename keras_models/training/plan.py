"""What a model is trained on, in which order: a plan's stages."""

from __future__ import annotations

from typing import Annotated, Union

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.frozen_key_frames import FrozenKeyFrames
from keras_models.objectives.key_frame import KeyFrame
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.self_critical import SelfCritical
from keras_models.training.schedule import Schedule
from transform.common.config import BY_KIND, Config, validator

ObjectiveConfig = Annotated[
    Union[
        CrossEntropy,
        SelfCritical,
        FirstPassCrossEntropy,
        KeyFrame,
        FrozenKeyFrames,
        MultiSample,
    ],
    BY_KIND,
]


class Stage(Schedule):
    """One objective, optimised for some epochs.

    A stage starts from the best weights of the stage before it.
    """

    objective: ObjectiveConfig = CrossEntropy()


class Plan(Config):
    """A model's training from the first to the last stage."""

    stages: tuple[Stage, ...]

    @validator("stages")
    def _distinct(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if not stages:
            raise ValueError("a plan needs at least one stage")
        names = [stage.name for stage in stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names must differ; received {names}")
        return stages
