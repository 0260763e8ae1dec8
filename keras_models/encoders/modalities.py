"""Modalities that an encoder adds to its main frame vectors, such as sound."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import tensorflow as tf

from keras_models.encoders.feature_views import as_vectors
from keras_models.layers.functional.affine_motion import affine_motion
from keras_models.layers.functional.masking import expand_mask, masked_mean
from keras_models.structs import VideoBatch
from transform.common.config import BY_KIND, Config, ConfigError, Field
from transform.schema import FeatureSpec


class FrameModality(Config):
    """A modality with one vector per key frame, e.g. C3D around it.

    It is averaged with the attention weights of the main vectors, and does not
    influence them.
    """

    kind: Literal["frame_stream"] = "frame_stream"
    feature: str  # a record feature with time steps

    def check(self, spec: FeatureSpec, steps: int) -> None:
        """Raises `ConfigError` unless the feature has as many steps as frames."""
        feature_steps = spec.tensor(self.feature).max_steps
        if feature_steps != steps:
            raise ConfigError(
                f"feature {self.feature} has {feature_steps} steps but the clip has "
                f"{steps} key frames; fuse it with kind: clip_mean."
            )

    def __call__(self, video: VideoBatch, frame_mask: tf.Tensor) -> tf.Tensor:
        """Returns (B, T, D) vectors, 0 where the modality or the frame is masked."""
        mask = video.masks[self.feature] & frame_mask
        return as_vectors(video.features[self.feature], mask)


class AffineMotion(Config):
    """Direction, expansion, rotation and speed of each key frame's flow.

    It tells how things move, which motion guided attention alone does not: that only
    says where to look. In MGSA's paper it is C3D's part, whose vectors have the same
    place. See `affine_motion`.
    """

    kind: Literal["affine_motion"] = "affine_motion"
    feature: str = "flow"  # a record feature of flow
    gain: float = Field(5.0, gt=0)  # to the size of a CNN's features

    def check(self, spec: FeatureSpec, steps: int) -> None:
        """Raises `ConfigError` unless the feature is flow of every key frame."""
        tensor = spec.tensor(self.feature)
        if tensor.max_steps != steps or len(tensor.step_shape) != 3:
            raise ConfigError(
                f"feature {self.feature} has {tensor.max_steps} steps of "
                f"{tensor.step_shape}, but kind: affine_motion reads {steps} steps of "
                "(rows, columns, planes)."
            )

    def __call__(self, video: VideoBatch, frame_mask: tf.Tensor) -> tf.Tensor:
        """Returns (B, T, 5) motion vectors, 0 where the modality is masked."""
        motion = self.gain * affine_motion(video.features[self.feature])
        mask = video.masks[self.feature] & frame_mask
        return tf.where(expand_mask(mask, motion), motion, 0)


class ClipModality(Config):
    """A modality as one vector per clip: its mean over all axes but the last."""

    kind: Literal["clip_mean"] = "clip_mean"
    feature: str  # a record feature; its mean over the clip is taken

    def check(self, spec: FeatureSpec, steps: int) -> None:
        """Does nothing, as a feature of any shape and length fits."""

    def __call__(self, video: VideoBatch, frame_mask: tf.Tensor) -> tf.Tensor:
        """Returns (B, D), 0 for a clip without the modality."""
        del frame_mask
        mask = video.masks[self.feature]
        return masked_mean(as_vectors(video.features[self.feature], mask), mask)


Modality = Annotated[Union[FrameModality, AffineMotion, ClipModality], BY_KIND]
