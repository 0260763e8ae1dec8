"""Length penalties, by which beam search compares captions of different lengths."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field


class WuPenalty(Config):
    """Scores captions by log p / ((5 + l) / 6)^α (Wu et al., 2016, Eq. 14).

    α = 0 leaves log p alone.
    """

    kind: Literal["wu"] = "wu"
    alpha: float = Field(0.0, ge=0)  # 0 for none

    def __call__(self, length: tf.Tensor) -> tf.Tensor:
        """Returns the divisor of log p of a caption of l tokens, <eos> included."""
        return ((5 + tf.cast(length, tf.float32)) / 6) ** self.alpha


class PowerPenalty(Config):
    """Scores captions by log p / l^α; α = 1 is the mean per token."""

    kind: Literal["power"] = "power"
    alpha: float = Field(1.0, ge=0)  # 1 for the mean log-probability of a word

    def __call__(self, length: tf.Tensor) -> tf.Tensor:
        """Returns the divisor of log p of a caption of l tokens, <eos> included."""
        return tf.cast(length, tf.float32) ** self.alpha


LengthPenalty = Annotated[Union[WuPenalty, PowerPenalty], BY_KIND]
