"""The level that the others are aligned with."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.encoders.levels.level import Aligned, Level, masked_steps
from keras_models.layers.functional.blocks import as_steps
from transform.common.config import Config


class UnchangedConfig(Config):
    """A layer whose maps are the common grid: dualAFR's pool5."""

    kind: Literal["unchanged"] = "unchanged"
    feature: str = "c3d_pool5"

    def build(self, name: str) -> Unchanged:
        """The layer."""
        return Unchanged(name=name)


class Unchanged(Level):
    """â_L = a_L."""

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> Aligned:
        return masked_steps(as_steps(maps), mask)
