"""Cutting volumes of cells into blocks of equal size."""

from __future__ import annotations

import tensorflow as tf


def pad_to_blocks(
    volume: tf.Tensor, ratio: int, around: int = 0, value: float = 0.0
) -> tf.Tensor:
    """Pads (B, T, H, W, C) so that blocks of ratio × ratio × ratio cells cover it.

    Blocks begin with the volume; the padding is behind its end, along every axis.

    Args:
        volume: H and W static.
        ratio: Cells along a block's edge.
        around: This much more on all sides; less if negative.
        value: The value of added cells.
    """
    sizes = (volume.shape[1] or tf.shape(volume)[1], *volume.shape[2:4])
    ends = [[0, -size % ratio] for size in sizes]
    padded = tf.pad(volume, [[0, 0], *ends, [0, 0]], constant_values=value)
    if around < 0:
        inner = slice(-around, around)
        return padded[:, inner, inner, inner]
    sides = [[around, around]] * 3
    return tf.pad(padded, [[0, 0], *sides, [0, 0]], constant_values=value)


def blocks_there(mask: tf.Tensor, ratio: int) -> tf.Tensor:
    """Returns which blocks (B, ⌈T / ratio⌉) hold an unmasked step of a mask (B, T)."""
    steps = mask.shape[1] or tf.shape(mask)[1]
    padded = tf.pad(mask, [[0, 0], [0, -steps % ratio]])
    count = -(-steps // ratio)
    return tf.reduce_any(tf.reshape(padded, [-1, count, ratio]), axis=2)


def as_steps(volume: tf.Tensor) -> tf.Tensor:
    """Reshapes (B, T, H, W, D) to (B, T, S, D) with S = H · W."""
    _, _, rows, columns, width = volume.shape
    steps = volume.shape[1] or tf.shape(volume)[1]
    return tf.reshape(volume, [-1, steps, rows * columns, width])
