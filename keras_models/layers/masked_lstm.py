"""An LSTM over the steps of clips of different lengths."""

from __future__ import annotations

import tensorflow as tf

from keras_models.layers.functional.scan import scan
from keras_models.layers.lstm_cell import LSTMCell, LSTMState


def last_state(cell: LSTMCell, projected: tf.Tensor, mask: tf.Tensor) -> LSTMState:
    """Returns the state after the last step; masked steps leave it unchanged.

    Args:
        cell: The LSTM.
        projected: (B, T, 4U), its inputs' projections, bias included.
        mask: (B, T) bool.
    """

    def step(
        element: tuple[tf.Tensor, tf.Tensor], state: LSTMState
    ) -> tuple[tuple[()], LSTMState]:
        inputs, step_mask = element
        new = cell(inputs, state)
        state = tf.nest.map_structure(
            lambda new, old: tf.where(step_mask[:, tf.newaxis], new, old), new, state
        )
        return (), state

    start = cell.zero_state(tf.shape(projected)[0])
    _, state = scan(step, (projected, mask), start)
    return state
