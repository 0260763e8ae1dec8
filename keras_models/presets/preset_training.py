"""`PresetTrainingConfig`: the training of a preset, with a user's changes to it."""

from __future__ import annotations

from typing import Any, Optional

from keras_models.presets import registry
from keras_models.presets.preset import Preset
from keras_models.training.captioner_training import TrainingConfig
from keras_models.training.plan import Plan
from transform.common.config import Field


class PresetTrainingConfig(TrainingConfig):
    """The settings of a training whose model is named rather than described."""

    variant: str = "mgsa"  # the name of a preset
    model: dict[str, Any] = Field({})  # replaces some of its model's settings
    plan: Optional[Plan] = None  # replaces its plan

    def preset(self) -> Preset:
        """Returns the named preset with `model` and `plan` applied.

        Raises:
            KinescribeError: There is no preset of that name.
            ConfigError: `model` does not fit the preset.
        """
        preset = registry.get(self.variant)
        return preset.replace(
            model=preset.model.override(self.model), plan=self.plan or preset.plan
        )
