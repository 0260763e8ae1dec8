"""The first pass of VRE, which reads a clip from its middle."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.layers.kbigru import GRUInputs, KBiGRU
from keras_models.structs import EncodedVideo


class FirstPassOutput(NamedTuple):
    """The results of the first pass that the second one continues from."""

    inputs: GRUInputs
    state: tf.Tensor  # h1: (B, U)
    summary: tf.Tensor  # o1: (B, U)


class FirstPass(tf.keras.layers.Layer):
    """Reads a clip from its middle (Shi et al., 2019, Alg. 1, step 1).

        h1 = KBiGRU(V^f, K // 2) ;  o1 = tanh(W_a [h1, v^a] + b_a)

    with K the clip's own number of frames; without sound, v^a is left out.

    Call arguments:
        encoded: `EncodedVideo`: V^f are the `frames`, v^a the `clip_vectors`.

    Returns:
        `FirstPassOutput`.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.kbigru = KBiGRU(units, name="kbigru")
        self.adapt = tf.keras.layers.Dense(units, activation="tanh", name="adapt")

    def call(self, encoded: EncodedVideo) -> FirstPassOutput:
        inputs = self.kbigru.project(encoded.frames)
        state = self.kbigru(inputs, middle(encoded.frame_mask), encoded.frame_mask)
        return FirstPassOutput(inputs, state, self.summarise(state, encoded))

    def summarise(self, state: tf.Tensor, encoded: EncodedVideo) -> tf.Tensor:
        """Returns a pass's summary tanh(W_a [state, v^a] + b_a), (B, U)."""
        return self.adapt(tf.concat([state, *encoded.clip_vectors], axis=-1))


def middle(mask: tf.Tensor) -> tf.Tensor:
    """Returns the middle frame K // 2 of clips with K frames: (B, T) bool → (B,)."""
    return tf.reduce_sum(tf.cast(mask, tf.int32), axis=1) // 2
