"""The numbers that frozen networks compute with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from transform.schema.features.precision import Precision

_POLICIES: dict[Precision, str] = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Keras layers that are made in the block compute in this precision.

    Weights stay float32 and are rounded at each use, so that any weight file fits.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(_POLICIES[precision])
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
