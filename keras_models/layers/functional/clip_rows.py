"""Rows of captions beside rows of clips, where several captions read one clip.

What belongs to captions has R = B · K rows, K adjacent ones for each of B clips; what
belongs to clips has B, and is not copied for each caption.
"""

from __future__ import annotations

import tensorflow as tf


def group_by_clip(rows: tf.Tensor, clips: tf.Tensor) -> tf.Tensor:
    """Reshapes rows (R, …) of captions to (B, K, …), for `clips` (B, …)."""
    count = tf.shape(clips)[0]
    captions = tf.shape(rows)[0] // tf.maximum(count, 1)
    grouped = tf.reshape(
        rows, tf.concat([[count, captions], tf.shape(rows)[1:]], axis=0)
    )
    return tf.ensure_shape(grouped, [clips.shape[0], None, *rows.shape[1:]])


def ungroup(grouped: tf.Tensor) -> tf.Tensor:
    """Reshapes (B, K, …) to the rows (R, …) of captions."""
    shape = tf.shape(grouped)
    rows = tf.reshape(grouped, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))
    return tf.ensure_shape(rows, [None, *grouped.shape[2:]])


def repeat_for_captions(clips: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Repeats `clips` (B, …) for each of a clip's captions, as `rows` (R, …) are."""
    captions = tf.shape(rows)[0] // tf.maximum(tf.shape(clips)[0], 1)
    return tf.repeat(clips, captions, axis=0)
