"""`TemporalStream`: optical flow → one motion vector per key frame."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.layers.masking import expand_mask
from keras_models.structs import VideoBatch


class TemporalStream(tf.keras.layers.Layer):
    """A CNN over stacked flow, trained with the captioner.

    The temporal stream of two-stream networks (Simonyan and Zisserman, 2014) at a size
    of one's choice: each convolution has stride 2 and ReLU, and the largest response of
    each channel over all cells is the frame's motion, whatever its place.

    Args:
        feature: The record feature with the flow stacks.
        channels: Of each convolution.
        kernel: Their width and height.

    Call arguments:
        video: `VideoBatch` with the flow stacks (B, T, rows, columns, 2M) in [−1, 1].
        frame_mask: (B, T) bool.

    Returns:
        (B, T, channels[-1]): 0 where masked.
    """

    def __init__(
        self, feature: str, channels: tuple[int, ...], kernel: int, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.feature = feature
        self.convolutions = [
            tf.keras.layers.Conv2D(
                width,
                kernel,
                strides=2,
                padding="same",
                activation="relu",
                name=f"convolution_{index + 1}",
            )
            for index, width in enumerate(channels)
        ]

    def call(self, video: VideoBatch, frame_mask: tf.Tensor) -> tf.Tensor:
        flow = video.features[self.feature]
        mask = video.masks[self.feature] & frame_mask  # (B, T)
        steps = flow.shape[1] or tf.shape(flow)[1]
        x = tf.reshape(flow, [-1, *flow.shape[2:]])  # (B · T, rows, columns, 2M)
        for convolution in self.convolutions:
            x = convolution(x)
        motion = tf.reduce_max(x, axis=[1, 2])  # (B · T, channels[-1])
        motion = tf.reshape(motion, [-1, steps, motion.shape[-1]])
        return tf.where(expand_mask(mask, motion), motion, 0)
