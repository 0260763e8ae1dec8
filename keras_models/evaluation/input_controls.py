"""Clips that lack something a model may use: all frames but one, or their order.

A model that writes the same captions for these has not used what they lack.
"""

from __future__ import annotations

import tensorflow as tf

from keras_models.structs import VideoBatch


def one_frame(video: VideoBatch) -> VideoBatch:
    """Masks every time step of every feature but the middle one of each clip."""

    def keep(mask: tf.Tensor) -> tf.Tensor:
        order = tf.cumsum(tf.cast(mask, tf.int32), axis=1)  # 1, 2, … of present steps
        middle = (order[:, -1:] + 1) // 2
        return mask & (order == middle)

    return video._replace(masks={name: keep(m) for name, m in video.masks.items()})


def shuffled_frames(video: VideoBatch, seed: tf.Tensor) -> VideoBatch:
    """Puts each clip's present time steps into a random order.

    Features with the same mask are shuffled alike, so that what belongs to one frame
    stays together.

    Args:
        video: The clips.
        seed: (2,) int32 or int64.
    """

    def order(mask: tf.Tensor) -> tf.Tensor:
        keys = tf.random.stateless_uniform(tf.shape(mask), seed)
        steps = tf.range(tf.shape(mask)[1], dtype=tf.float32)
        # Present steps come first, by their keys; the others stay behind in order.
        return tf.argsort(tf.where(mask, keys, 1.0 + steps), axis=1)

    orders = {name: order(mask) for name, mask in video.masks.items()}
    return video._replace(
        features={
            name: tf.gather(values, orders[name], batch_dims=1)
            for name, values in video.features.items()
        },
        masks={
            name: tf.gather(mask, orders[name], batch_dims=1)
            for name, mask in video.masks.items()
        },
    )
