"""One vector a segment of the clip."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.encoders.memory import Memory
from keras_models.structs import VideoBatch
from transform.common.config import Config, ConfigError
from transform.schema import FeatureSpec


class SegmentMemoryConfig(Config):
    """The temporal branch of the VATEX-2019 system (Sec. 2.1)."""

    kind: Literal["segments"] = "segments"
    image: str = "resnext101"  # record features, one vector a segment
    motion: str = "ir_csn"

    def features(self) -> tuple[str, ...]:
        """The record features that the memory is made of."""
        return (self.image, self.motion)

    def build(self, spec: FeatureSpec, units: int) -> SegmentMemory:
        """The layer; `ConfigError` unless image and motion are aligned in time."""
        image, motion = (spec.tensor(name).max_steps for name in self.features())
        if image != motion:
            raise ConfigError(
                f"encoder.memory joins {self.image} and {self.motion} segment by "
                f"segment, but they have {image} and {motion} of them."
            )
        return SegmentMemory(self, units, name="memory")


class SegmentMemory(tf.keras.layers.Layer):
    """V^t_n = W [image_n, motion_n] + b.

    A segment is there where either of the two is; the other is then 0.

    Call arguments:
        video: `VideoBatch`; the two features are (B, T, ·).
        summary: (B, D), unused.

    Returns:
        `Memory` with V^t as its frames.
    """

    def __init__(self, config: SegmentMemoryConfig, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.embed = tf.keras.layers.Dense(units, name="embed")

    def call(self, video: VideoBatch, summary: tf.Tensor) -> Memory:
        del summary
        names = self.config.features()
        frames = self.embed(tf.concat([video.features[n] for n in names], axis=-1))
        mask = video.masks[names[0]] | video.masks[names[1]]
        return Memory(tf.where(mask[..., tf.newaxis], frames, 0), mask)
