"""Multilayer perceptron of one hidden layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.layers.initializers import SMALL_UNIFORM


class MLP(tf.keras.layers.Layer):
    """Multilayer perceptron W_2 relu(W_1 x + b_1) + b_2 of the last axis.

    Call arguments:
        inputs: (…, D).

    Returns:
        (…, `outputs`).
    """

    def __init__(self, units: int, outputs: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden = tf.keras.layers.Dense(
            units, "relu", kernel_initializer=SMALL_UNIFORM, name="hidden"
        )
        self.output_layer = tf.keras.layers.Dense(
            outputs, kernel_initializer=SMALL_UNIFORM, name="output"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.output_layer(self.hidden(inputs))
