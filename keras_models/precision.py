"""In which precision layers compute; their weights are float32 in every one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import tensorflow as tf

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """What is built inside computes in this precision, for as long as it lives."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
