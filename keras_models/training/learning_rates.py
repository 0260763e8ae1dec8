"""Schedules of the learning rate within a stage."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field


class ConstantRate(Config):
    """The same learning rate at every step."""

    kind: Literal["constant"] = "constant"
    rate: float = Field(1e-4, gt=0)  # MGSA Sec. 4.2

    def at(self, step: tf.Tensor, total: int) -> tf.Tensor:
        """Returns the rate at () int64 `step` of `total` steps, () float32."""
        del step, total
        return tf.constant(self.rate)


class ExponentialRate(Config):
    """A rate that decays smoothly by `factor` with every `share` of the stage."""

    kind: Literal["exponential"] = "exponential"
    rate: float = Field(1e-4, gt=0)  # the first learning rate
    factor: float = Field(0.5, gt=0, le=1)  # that the rate is multiplied by
    # of the stage, between two such multiplications
    share: float = Field(0.25, gt=0, le=1)

    def at(self, step: tf.Tensor, total: int) -> tf.Tensor:
        """Returns the rate at () int64 `step` of `total` steps, () float32."""
        done = tf.cast(step, tf.float32) / max(total, 1)
        return self.rate * self.factor ** (done / self.share)


class CosineRate(Config):
    """A linear rise over `warmup` of the stage, then half a cosine down to `final`."""

    kind: Literal["cosine"] = "cosine"
    rate: float = Field(1e-4, gt=0)  # the first learning rate
    warmup: float = Field(0.0, ge=0, lt=1)  # share of the stage's steps
    final: float = Field(0.0, ge=0)  # the last learning rate

    def at(self, step: tf.Tensor, total: int) -> tf.Tensor:
        """Returns the rate at () int64 `step` of `total` steps, () float32."""
        warmup = self.warmup * total
        position = tf.cast(step, tf.float32)
        rise = (position + 1) / max(warmup, 1)
        done = tf.clip_by_value((position - warmup) / max(total - warmup, 1), 0.0, 1.0)
        fall = self.final + (self.rate - self.final) * 0.5 * (
            1 + tf.cos(math.pi * done)
        )
        return tf.where(position < warmup, self.rate * tf.minimum(rise, 1.0), fall)


LearningRate = Annotated[
    Union[ConstantRate, ExponentialRate, CosineRate],
    BY_KIND,
]
