"""The precision that Keras layers compute in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Sets Keras' global dtype policy for the layers that are made in the block.

    Their weights stay float32 and are rounded at each use, so that any weight file
    fits.

    Args:
        name: Keras' name of the policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
