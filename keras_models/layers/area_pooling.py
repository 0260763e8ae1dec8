"""Average pooling of a map to a grid of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class AreaPooling(tf.keras.layers.Layer):
    """Averages the input over the area of each cell of a grid.

    Where the sizes divide, this is average pooling; where they do not, input cells on a
    border count by the share of them that lies inside.

    Call arguments:
        inputs: (B, h, w, C), h and w static.

    Returns:
        (B, rows, columns, C).
    """

    def __init__(self, grid: tuple[int, int], **kwargs: Any):
        super().__init__(**kwargs)
        self.grid = grid

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows, columns = self.grid
        if inputs.shape[1:3] == (rows, columns):
            return inputs
        down = tf.constant(overlaps(inputs.shape[1], rows), inputs.dtype)
        across = tf.constant(overlaps(inputs.shape[2], columns), inputs.dtype)
        return tf.einsum("rh,bhwc,qw->brqc", down, inputs, across)


def overlaps(size: int, cells: int) -> np.ndarray:
    """Returns how much of each cell of a line each input covers: (cells, size)."""
    edges = np.arange(size)
    starts = np.arange(cells)[:, np.newaxis] * size / cells
    inside = np.minimum(edges + 1, starts + size / cells) - np.maximum(edges, starts)
    return np.clip(inside, 0, None) * cells / size
