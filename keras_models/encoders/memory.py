"""What a decoder may attend to."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Memory(NamedTuple):
    """The parts of `EncodedVideo` that attention reads."""

    frames: tf.Tensor  # (B, T, D)
    frame_mask: tf.Tensor  # (B, T) bool
    grids: tuple[tf.Tensor, ...] = ()
    grid_masks: tuple[tf.Tensor, ...] = ()
