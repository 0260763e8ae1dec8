"""What the pipeline tells the Trainer."""

from __future__ import annotations

from typing import Optional

from keras_models.generation import SearchConfig
from keras_models.inference.precision import ServedPrecision
from keras_models.training.trainer import TrainingConfig
from transform.common.config import Config


class TrainerSettings(Config):
    """`custom_config["settings"]` of the Trainer, as JSON."""

    training: TrainingConfig
    search: SearchConfig  # of the exported model, and what it computes in:
    precision: Optional[ServedPrecision] = None
    workdir: str  # outlives a failed run: checkpoints are there
