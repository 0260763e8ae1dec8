"""`VideoEmbedding`: a layer that embeds clips as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_models.encoders.modalities import ClipModality
from keras_models.layers.dropout import Dropout
from keras_models.structs import VideoBatch


class VideoEmbedding(tf.keras.layers.Layer):
    """Embeds clips by a linear map of the modalities' means over time.

    The vectors have length 1. A modality that a clip lacks counts as 0.

    Args:
        modalities: Names of record features.
        units: E.
        dropout: Dropout rate of the means' features.

    Call arguments:
        video: `VideoBatch` with widened features.
        training: Whether dropout is on.

    Returns:
        (B, E) float32 of length 1.
    """

    def __init__(
        self, modalities: Sequence[str], units: int, dropout: float, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.modalities = [ClipModality(feature=name) for name in modalities]
        self.dropout = Dropout(dropout, name="dropout")
        self.project = tf.keras.layers.Dense(units, name="project")

    def call(self, video: VideoBatch, training: bool = False) -> tf.Tensor:
        means = [mean(video, video.masks[mean.feature]) for mean in self.modalities]
        clip = self.dropout(tf.concat(means, axis=-1), training=training)  # (B, D)
        vector = tf.cast(self.project(clip), tf.float32)  # (B, E)
        return tf.math.l2_normalize(vector, axis=-1)
