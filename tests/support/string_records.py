"""Records of strings alone, for what reads no features."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def serialized(**columns: Sequence[str]) -> bytes:
    """Returns a record with these strings in its columns."""
    features = {
        name: tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[text.encode() for text in texts])
        )
        for name, texts in columns.items()
    }
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()
