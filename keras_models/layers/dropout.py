"""Dropout whose random generator is part of a checkpoint."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf

from keras_models.layers.functional import draws


class Dropout(tf.keras.layers.Layer):
    """Sets a share `rate` of the inputs to 0 and scales the others by 1/(1 − rate).

    Unlike Keras' layer of that name, the random generator is saved in checkpoints, so
    that a training run which was interrupted draws the masks it would have drawn. It is
    seeded from Python's `random`, as Keras' initialisers are. Rows may have a mask in
    common: see `draws.shared`.

    Call arguments:
        inputs: (R, …).
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
        keep = draws.uniform(self._generator, tf.shape(inputs)) >= self.rate
        return tf.where(keep, inputs / (1 - self.rate), 0)
