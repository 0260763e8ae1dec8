"""The precision that Keras layers compute in."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import tensorflow as tf


@functools.cache
def sums_chunks_in_bfloat16() -> bool:
    """Whether 3-D convolutions in bfloat16 keep their sums in it on this machine.

    On processors without instructions for it TensorFlow's do, which is wrong by some
    percent; elsewhere, and in 2-D convolutions, sums are float32.
    """
    cells = tf.ones([1, 6, 6, 6, 64], tf.bfloat16)
    kernel = tf.ones([3, 3, 3, 64, 16], tf.bfloat16)
    sums = tf.nn.conv3d(cells, kernel, [1] * 5, "VALID")
    return bool(tf.reduce_any(sums != 3 * 3 * 3 * 64))


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
