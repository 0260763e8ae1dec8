"""Recurrent half of an LSTM, for inputs that are projected already."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.layers.projection import Projection


class LSTMState(NamedTuple):
    """The hidden and cell state of an LSTM."""

    hidden: tf.Tensor  # (B, U)
    cell: tf.Tensor  # (B, U), float32 in mixed precision too


class LSTMCell(tf.keras.layers.Layer):
    """One step of an LSTM (Hochreiter and Schmidhuber, 1997, with forget gates).

        i, f, o = σ(·), g = tanh(·) of the four quarters of  W x + U h + b
        c' = f ⊙ c + i ⊙ g ;  h' = o ⊙ tanh(c')

    The products W x are not computed here but passed in, so that each of several inputs
    has a kernel of its own, and one that does not change can be projected once for all
    steps. `input_projection` makes such a kernel. In mixed precision only the products
    are rounded: gates and memory are float32.

    Call arguments:
        projected: (B, 4U), the sum of the inputs' projections, bias included.
        state: `LSTMState`.

    Returns:
        The next `LSTMState`.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.recurrent = Projection(
            4 * units,
            use_bias=False,
            kernel_initializer="orthogonal",
            name="recurrent",
        )

    def call(self, projected: tf.Tensor, state: LSTMState) -> LSTMState:
        total = projected + self.recurrent(state.hidden)
        i, f, g, o = tf.split(tf.cast(total, self.variable_dtype), 4, axis=-1)
        cell = tf.sigmoid(f) * state.cell + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell)
        return LSTMState(tf.cast(hidden, self.compute_dtype), cell)

    def zero_state(self, batch: tf.Tensor | int) -> LSTMState:
        """Returns the state of zeros before the first step."""
        return self.initial_state(tf.zeros([batch, self.units], self.compute_dtype))

    def initial_state(self, hidden: tf.Tensor) -> LSTMState:
        """Returns the state before the first step with a cell of zeros."""
        return LSTMState(hidden, tf.zeros_like(hidden, self.variable_dtype))


def input_projection(units: int, name: str, bias: bool = False) -> Projection:
    """Returns the projection (D, 4U) of one of an LSTM's inputs.

    An LSTM's bias belongs to the projection of one of its inputs.

    The forget gate's bias starts at 1 (Jozefowicz et al., 2015).
    """

    def forget_one(shape: tuple[int, ...], dtype: tf.DType = tf.float32) -> tf.Tensor:
        del shape
        quarters = [tf.zeros([units], dtype)] * 4
        quarters[1] = tf.ones([units], dtype)
        return tf.concat(quarters, axis=0)

    return Projection(4 * units, use_bias=bias, bias_initializer=forget_one, name=name)
