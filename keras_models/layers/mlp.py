"""Multilayer perceptron of one hidden layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.layers.initializers import first_weights


class MLP(tf.keras.layers.Layer):
    """Multilayer perceptron W_2 relu(W_1 x + b_1) + b_2 of the last axis.

    Args:
        units: The width of the hidden layer.
        outputs: The width of the output layer.
        initial_range: As of `first_weights`.

    Call arguments:
        inputs: (…, D).

    Returns:
        (…, `outputs`).
    """

    def __init__(
        self, units: int, outputs: int, initial_range: float | None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.hidden = tf.keras.layers.Dense(
            units,
            "relu",
            kernel_initializer=first_weights(initial_range),
            name="hidden",
        )
        self.output_layer = tf.keras.layers.Dense(
            outputs, kernel_initializer=first_weights(initial_range), name="output"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.output_layer(self.hidden(inputs))
