"""`Schedule`: the settings of weight updates, for any objective."""

from __future__ import annotations

import re
from typing import Optional

from keras_models.training.learning_rates import ConstantRate, LearningRate
from keras_models.training.optimizers import Adam, OptimizerConfig
from keras_models.training.weight_averaging import Averaging, LatestWeights
from transform.common.config import Config, Field, validator


class Schedule(Config):
    """The settings of some epochs of updates by one optimizer."""

    name: str = Field(min_length=1)  # of the stage, in logs
    epochs: int = Field(ge=1)  # passes over the clips
    optimizer: OptimizerConfig = Adam()  # that updates the weights
    learning_rate: LearningRate = ConstantRate()  # over the stage's steps
    # of all gradients together; no clipping by default
    clip_norm: Optional[float] = Field(None, gt=0)
    l2: float = Field(0.0, ge=0)  # MGSA Sec. 4.2: 5e-5, of ½ Σ w²
    frozen: tuple[str, ...] = ()  # regular expressions, found in a weight's name
    validate_every: int = Field(1, ge=1)  # epochs
    patience: Optional[int] = Field(None, ge=1)  # validations without progress
    averaging: Averaging = LatestWeights()  # what is validated, kept and exported

    @validator("frozen", each_item=True)
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from error
        return pattern
