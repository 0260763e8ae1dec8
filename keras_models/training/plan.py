"""`Plan`: the stages of a captioner's training, with their objectives."""

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
    """A stage of training, which optimises one objective for some epochs.

    A stage starts from the best weights of the stage before it.
    """

    objective: ObjectiveConfig = CrossEntropy()  # what is minimised


class Plan(Config):
    """The training of a model, from the first to the last stage."""

    stages: tuple[Stage, ...]  # in the order of training

    @validator("stages")
    def _distinct(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if not stages:
            raise ValueError("a plan needs at least one stage")
        names = [stage.name for stage in stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names must differ; received {names}")
        return stages
