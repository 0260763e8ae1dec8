"""Dropout whose random generator is part of a checkpoint."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf


class Dropout(tf.keras.layers.Layer):
    """Sets a share `rate` of the inputs to 0 and scales the others by 1/(1 − rate).

    Unlike Keras' layer of that name, the random generator is saved in checkpoints, so
    that a training run which was interrupted draws the masks it would have drawn. It is
    seeded from Python's `random`, as Keras' initialisers are.

    Call arguments:
        inputs: Any shape.
        training: Without it, the inputs come back unchanged.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1); received {rate}")
        self.rate = rate
        if rate:
            self._generator = tf.random.Generator.from_seed(random.getrandbits(31))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not (training and self.rate):
            return inputs
        keep = self._generator.uniform(tf.shape(inputs)) >= self.rate
        return tf.where(keep, inputs / (1 - self.rate), 0)
