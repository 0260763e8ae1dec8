"""A bidirectional GRU that starts at a key frame."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.scan import scan
from keras_models.layers.gru_cell import GRUCell


class GRUInputs(NamedTuple):
    """Inputs of both GRUs at every frame, which do not depend on the key frame."""

    left: tf.Tensor  # (B, T, 3U)
    right: tf.Tensor  # (B, T, 3U)


class KBiGRU(tf.keras.layers.Layer):
    """Reads a clip from a key frame i to both ends (Shi et al., 2019, Eq. 4–7).

        ←h: a GRU over V_i, V_{i−1}, …, V_0 ;  →h: another over V_i, …, V_{K−1}
        h = tanh(W_c [←h_0, →h_{K−1}] + b_c)

    Both GRUs start at 0 and both read the key frame. In a batch every clip has its own:
    the GRUs run over all T frames, and a clip's state stays as it is at frames that are
    not on its way. `project` computes what does not depend on the key frame, once for
    any number of them.

    Call arguments:
        inputs: `GRUInputs` of frames (B, T, D).
        key_frame: (B,) int32, i.
        mask: (B, T) bool, True for real frames.

    Returns:
        (B, U): h.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.left_inputs = tf.keras.layers.Dense(3 * units, name="left_inputs")
        self.right_inputs = tf.keras.layers.Dense(3 * units, name="right_inputs")
        self.left = GRUCell(units, name="left")
        self.right = GRUCell(units, name="right")
        self.join = tf.keras.layers.Dense(units, activation="tanh", name="join")

    def project(self, frames: tf.Tensor) -> GRUInputs:
        """Returns what the GRUs read of frames (B, T, D)."""
        with tf.name_scope(self.name):
            return GRUInputs(self.left_inputs(frames), self.right_inputs(frames))

    def call(
        self, inputs: GRUInputs, key_frame: tf.Tensor, mask: tf.Tensor
    ) -> tf.Tensor:
        frames = tf.range(tf.shape(mask)[1])[tf.newaxis]  # (1, T)
        key_frame = key_frame[:, tf.newaxis]  # (B, 1)
        backwards = (inputs.left, mask & (frames <= key_frame))
        backwards = tf.nest.map_structure(lambda x: tf.reverse(x, [1]), backwards)
        forwards = (inputs.right, mask & (frames >= key_frame))

        def step(element: Any, state: Any) -> tuple[Any, Any]:
            states = []
            for cell, (projected, on_way), hidden in zip(
                (self.left, self.right), element, state, strict=True
            ):
                new = cell(projected, hidden)
                states.append(tf.where(on_way[:, tf.newaxis], new, hidden))
            return (), tuple(states)

        start = tf.zeros([tf.shape(mask)[0], self.units], self.compute_dtype)
        _, ends = scan(step, (backwards, forwards), (start, start))  # Eq. 5, 6
        return self.join(tf.concat(ends, axis=-1))  # Eq. 7
