"""No more than one vector a clip."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.encoders.memory import Memory
from keras_models.structs import VideoBatch
from transform.common.config import Config
from transform.schema import FeatureSpec


class GlobalMemoryConfig(Config):
    """The vanilla model, which attends to nothing."""

    kind: Literal["global"] = "global"

    def features(self) -> tuple[str, ...]:
        """The record features that the memory is made of."""
        return ()

    def build(self, spec: FeatureSpec, units: int) -> GlobalMemory:
        """The layer."""
        del spec, units
        return GlobalMemory(name="memory")


class GlobalMemory(tf.keras.layers.Layer):
    """v̄ as a clip of one frame.

    Call arguments:
        video: `VideoBatch`, unused.
        summary: (B, D).

    Returns:
        `Memory`.
    """

    def call(self, video: VideoBatch, summary: tf.Tensor) -> Memory:
        del video
        frames = summary[:, tf.newaxis]
        return Memory(frames, tf.ones_like(frames[..., 0], tf.bool))
