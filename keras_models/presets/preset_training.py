"""`PresetTrainingConfig`: the training of a preset, with a user's changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from keras_models.presets import registry
from keras_models.presets.adaptation import with_features
from keras_models.presets.preset import Preset, RunSettings
from keras_models.training.captioner_training import TrainingConfig
from keras_models.training.plan import Plan
from transform.common.config import Config, Field, root_validator

_DEFAULT = "mgsa"


class PresetTrainingConfig(TrainingConfig):
    """The settings of a training whose model is named rather than described.

    `batch`, `max_words` and `word_vectors` are the preset's where they are not given.
    """

    variant: str = _DEFAULT  # the name of a preset
    # features that stand for the preset's, as in {i3d_rgb: grid}; null leaves one out
    reads: dict[str, Optional[str]] = Field({})
    model: dict[str, Any] = Field({})  # replaces some of its model's settings
    plan: Optional[Plan] = None  # replaces its plan
    epochs: dict[str, int] = Field({})  # replaces those of some stages, by name

    @root_validator(pre=True)
    def _as_published(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**run_settings(values).training(), **values}

    def preset(self) -> Preset:
        """Returns the named preset with `reads`, `model`, `plan` and `epochs` applied.

        Raises:
            KinescribeError: There is no preset of that name.
            ConfigError: `reads`, `model` or `epochs` do not fit the preset.
        """
        preset = registry.get(self.variant)
        plan = self.plan or preset.plan
        return preset.replace(
            model=with_features(preset.model, self.reads).override(self.model),
            plan=plan.with_epochs(self.epochs),
        )


def run_settings(training: Any) -> RunSettings:
    """Returns the run settings of the preset that a training names.

    Args:
        training: A `PresetTrainingConfig`, or what one is made of, unchecked: where it
            names no preset, the settings are the defaults.
    """
    settings = dict(training) if isinstance(training, Mapping | Config) else {}
    preset = registry.PRESETS.get(str(settings.get("variant", _DEFAULT)))
    return preset.run if preset else RunSettings()
