"""`Preset`: a model of a paper, and how the paper trains it."""

from __future__ import annotations

from typing import Any

from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.late_fusion import LateFusionConfig
from keras_models.training.plan import Plan
from transform.common.config import Config


class Preset(Config):
    """One row of a paper's table: a captioner, and its training."""

    paper: str  # the paper's name for its system
    row: str  # the table and the row that report it
    model: CaptionerConfig
    plan: Plan

    def variation(self, row: str, plan: Plan | None = None, **parts: Any) -> Preset:
        """Returns another row of the same paper, which differs in some parts.

        Args:
            row: The table and the row that report it.
            plan: The plan of its training, unless that is the same.
            parts: The fields of `CaptionerConfig` that differ.
        """
        return self.replace(
            row=row, model=self.model.replace(**parts), plan=plan or self.plan
        )


class LateFusionPreset(Config):
    """One row of a paper's table: a late fusion of several presets' models."""

    paper: str  # the paper's name for its system
    row: str  # the table and the row that report it
    model: LateFusionConfig  # its members have the names of their presets
