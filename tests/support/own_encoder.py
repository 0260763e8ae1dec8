"""An encoder as a user would write it: one file, a configuration and a layer."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.encoders import Encoder, EncoderConfig
from keras_models.structs import EncodedVideo, VideoBatch
from transform.schema import FeatureSpec


class FrameMaxConfig(EncoderConfig):
    """The largest value of each unit over a clip's frames, as its summary."""

    kind: Literal["frame_max"] = "frame_max"
    frames: str = "inception_resnet_v2"  # record feature, a grid
    units: int = 16

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.frames,)

    def build(self, spec: FeatureSpec) -> FrameMaxEncoder:
        """Returns the encoder of records with a specification."""
        del spec
        return FrameMaxEncoder(self, name="encoder")


class FrameMaxEncoder(Encoder):
    """Embeds every frame's mean cell; `summary` is their maximum (B, D)."""

    def __init__(self, config: FrameMaxConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.feature = config.frames
        self.embed = tf.keras.layers.Dense(config.units, "relu", name="embed")

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        mask = video.masks[self.feature]  # (B, T)
        cells = tf.reduce_mean(video.features[self.feature], axis=[2, 3])  # (B, T, C)
        frames = tf.where(mask[..., tf.newaxis], self.embed(cells), 0)  # (B, T, D)
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(),
            grid_masks=(),
            summary=tf.reduce_max(frames, axis=1),
            weights={},
            aux={},
        )
