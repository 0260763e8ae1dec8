"""`Plan`: the stages of a captioner's training, with their objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Optional, Union

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.frozen_key_frames import FrozenKeyFrames
from keras_models.objectives.key_frame import KeyFrame
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.self_critical import SelfCritical
from keras_models.training.monitor import MonitorSetting, known_monitor
from keras_models.training.schedule import Schedule
from transform.common.config import BY_KIND, Config, ConfigError, validator

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

    objective: ObjectiveConfig  # what is minimised
    # what chooses the stage's best weights, in place of `validation.monitor`
    monitor: Optional[MonitorSetting] = None

    _known_monitor = validator("monitor", allow_reuse=True)(known_monitor)


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

    def with_epochs(self, epochs: Mapping[str, int]) -> Plan:
        """Returns the plan with another number of epochs of some stages, by name.

        Raises:
            ConfigError: There is no stage of that name, or a number is below 1.
        """
        names = [stage.name for stage in self.stages]
        for name in epochs:
            if name not in names:
                raise ConfigError(
                    f"epochs: the plan has no stage {name!r}; its stages are "
                    f"{', '.join(names)}."
                )
        return self.replace(
            stages=tuple(
                stage.replace(epochs=epochs.get(stage.name, stage.epochs))
                for stage in self.stages
            )
        )
