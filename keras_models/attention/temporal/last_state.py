"""An LSTM's last output."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.branch import Attended
from keras_models.attention.temporal.pooling import TemporalPooling
from keras_models.layers.lstm_cell import LSTMCell, input_projection
from keras_models.layers.masked_lstm import last_state
from transform.common.config import Config


class LastStateConfig(Config):
    """An LSTM over the frames (STaTS Table 2, "LSTM")."""

    kind: Literal["last_state"] = "last_state"

    def build(self, name: str) -> LastStatePooling:
        """The layer."""
        return LastStatePooling(name=name)


class LastStatePooling(TemporalPooling):
    """x̂ = the last output of an LSTM over x̂_1 … x̂_N (Cherian et al., 2020, Eq. 8).

    It is as wide as the frames are. A masked frame leaves the state as it was.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        width = input_shape[-1]
        self.frames = input_projection(width, "frames", bias=True)
        self.cell = LSTMCell(width, name="cell")
        super().build(input_shape)

    def call(self, frames: tf.Tensor, query: tf.Tensor, mask: tf.Tensor) -> Attended:
        del query
        state = last_state(self.cell, self.frames(frames), mask)
        return Attended(state.hidden, {}, {})
