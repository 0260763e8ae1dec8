"""`Refocus`: the network that chooses a clip's key frame in VRE."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.encoders.first_pass import FirstPass, FirstPassOutput
from keras_models.layers.multiplicative_score import MultiplicativeScore
from keras_models.structs import EncodedVideo


class RefocusOutput(NamedTuple):
    """The scores of all frames as the key frame, and the first pass behind them."""

    first: FirstPassOutput
    scores: tf.Tensor  # a: (B, T) float32, undefined at masked frames


class Refocus(tf.keras.layers.Layer):
    """Scores a clip's frames by its first summary (Shi et al., 2019, Eq. 8).

        a_i = W_α tanh(W_o o1 ⊙ W_v V^f_i)

    Call arguments:
        encoded: `EncodedVideo`, as in `FirstPass`.

    Returns:
        `RefocusOutput`.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.first_step = FirstPass(units, name="first_step")
        self.energy = MultiplicativeScore(units, name="energy")

    def call(self, encoded: EncodedVideo) -> RefocusOutput:
        first = self.first_step(encoded)
        scores = self.energy(first.summary, self.energy.keys(encoded.frames))
        return RefocusOutput(first, tf.cast(scores, tf.float32))
