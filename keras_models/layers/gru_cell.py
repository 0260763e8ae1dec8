"""Recurrent half of a GRU, for inputs that are projected already."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class GRUCell(tf.keras.layers.Layer):
    """One step of a gated recurrent unit (Cho et al., 2014).

        r = σ(W_r x + U_r h) ;  z = σ(W_z x + U_z h)
        n = tanh(W_n x + r ⊙ U_n h) ;  h' = z ⊙ h + (1 − z) ⊙ n

    The reset gate acts on the product with h, as in cuDNN, so that a step multiplies by
    one matrix. The products W x, biases included, are passed in: those of all steps are
    computed at once.

    Call arguments:
        projected: (B, 3U), W x of r, z and n.
        hidden: (B, U), h.

    Returns:
        (B, U), h'.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tf.TensorShape) -> None:
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, 3 * self.units), initializer="orthogonal"
        )
        super().build(input_shape)

    def call(self, projected: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        recurrent = tf.matmul(hidden, self.recurrent_kernel)  # (B, 3U)
        gates = tf.sigmoid(projected[:, : 2 * self.units] + recurrent[:, : -self.units])
        r, z = tf.split(gates, 2, axis=-1)
        new = tf.tanh(
            projected[:, 2 * self.units :] + r * recurrent[:, 2 * self.units :]
        )
        return z * hidden + (1 - z) * new
