"""What every temporal pooling is."""

from __future__ import annotations

import abc

import tensorflow as tf

from keras_models.attention.branch import Attended


class TemporalPooling(tf.keras.layers.Layer, abc.ABC):
    """The temporal half of ST attention: a row of STaTS' Table 2.

    Call arguments:
        frames: (B, T, D), x̂_1 … x̂_N of this word, 0 where masked.
        query: (B, Q), the language state.
        mask: (B, T) bool.

    Returns:
        `Attended`, of the frames' own width D; 0 for a clip without a single frame.
    """

    @abc.abstractmethod
    def call(self, frames: tf.Tensor, query: tf.Tensor, mask: tf.Tensor) -> Attended:
        raise NotImplementedError
