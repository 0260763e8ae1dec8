"""What every video encoder is."""

from __future__ import annotations

import abc

import tensorflow as tf

from keras_models.structs import EncodedVideo, VideoBatch


class Encoder(tf.keras.layers.Layer, abc.ABC):
    """Looks at a video once, before any word is known.

    Call arguments:
        video: `VideoBatch` with widened features: floats, 0 where masked.
        training: Whether dropout is on.

    Returns:
        `EncodedVideo`. What stands at masked steps of the input changes nothing.
    """

    @abc.abstractmethod
    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        raise NotImplementedError
