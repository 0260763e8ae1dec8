"""Initial spatial attention maps from the region features themselves."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.layers.garu import GARUConfig, Recurrence
from keras_models.structs import VideoBatch
from transform.common.config import Config, Field


class AppearanceGuideConfig(Config):
    """Spatial attention without motion and without the decoder's state.

    The paper's "Spatial Attention" has that state: `attention.spatial_pooling`'s
    `FrameMaps`.
    """

    kind: Literal["appearance_guide"] = "appearance_guide"
    units: int = Field(256, ge=1)  # of the hidden layer
    recurrence: Recurrence = GARUConfig()  # from frame to frame

    def features(self) -> tuple[str, ...]:
        """Returns the record features that the maps need besides the regions."""
        return ()

    def build(self, grid: tuple[int, int]) -> AppearanceGuide:
        """Returns the layer, which works for every grid."""
        del grid
        return AppearanceGuide(self.units, name="appearance_guide")


class AppearanceGuide(tf.keras.layers.Layer):
    """Computes initial maps by an additive MLP in place of Φ_c.

        A^r_nhw = w^T tanh(W L_nhw + V G_n + b)

    Call arguments:
        video: `VideoBatch`, unused.
        regions: (B, T, S, D), the region features L.
        summary: (B, T, D), their mean G.

    Returns:
        (B, T, S).
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.from_regions = tf.keras.layers.Dense(units, name="regions")
        self.from_summary = tf.keras.layers.Dense(units, use_bias=False, name="summary")
        self.score = tf.keras.layers.Dense(1, use_bias=False, name="score")

    def call(
        self, video: VideoBatch, regions: tf.Tensor, summary: tf.Tensor
    ) -> tf.Tensor:
        del video
        guided = self.from_summary(summary)[:, :, tf.newaxis]  # (B, T, 1, A)
        scores = self.score(tf.tanh(self.from_regions(regions) + guided))
        return tf.squeeze(scores, axis=-1)
