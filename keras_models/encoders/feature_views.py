"""One feature, as the vectors, the cells or the grid that an encoder reads.

A feature's shape says what a step of it is: (D,) a vector, (R, D) up to R regions, of
which all-zero ones are absent, (rows, columns, D) a grid. Every encoder reads every
one of them by the same rule:

    vectors   a vector; the mean of a grid's cells; the mean of the present regions
    cells     a vector is a single cell; a grid's cells; the regions
    grid      a vector is a grid of 1 × 1; a grid; regions have no fixed place
"""

from __future__ import annotations

import math

import tensorflow as tf

from keras_models.layers.functional.masking import masked_mean, present_regions
from transform.common.config import ConfigError
from transform.schema import FeatureSpec


def as_vectors(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns a feature (B, T, …, D) as vectors (B, T, D), 0 where (B, T) is False."""
    return masked_mean(*as_cells(values, mask), axis=2)


def as_cells(values: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a feature (B, T, …, D) as cells (B, T, S, D) and their mask (B, T, S)."""
    inner = values.shape.as_list()[2:]
    if len(inner) == 2:
        return values, present_regions(values, mask)
    steps = values.shape[1] or tf.shape(values)[1]
    cells = tf.reshape(values, [-1, steps, math.prod(inner[:-1]), inner[-1]])
    cell_mask = tf.broadcast_to(mask[..., tf.newaxis], tf.shape(cells)[:3])
    return cells, tf.ensure_shape(cell_mask, cells.shape[:3])


def as_grid(values: tf.Tensor) -> tf.Tensor:
    """Returns a feature (B, T, D) or (B, T, H, W, D) as a grid (B, T, H, W, D)."""
    return values[:, :, tf.newaxis, tf.newaxis] if values.shape.rank == 3 else values


def grid_shape(spec: FeatureSpec, name: str, reader: str) -> tuple[int, int, int]:
    """Returns (rows, columns, width) of a feature as `as_grid` gives it.

    Args:
        spec: Specification of the records.
        name: The feature's name.
        reader: The setting that names the feature, for the error.

    Raises:
        ConfigError: It is a feature of regions.
    """
    shape = spec.tensor(name).step_shape
    if len(shape) == 2:
        raise ConfigError(
            f"{reader} = {name!r} is wrong: the cells of a grid have fixed places, the "
            f"{shape[0]} regions of {name} have none; name a feature of (rows, "
            "columns, width) or of vectors."
        )
    rows, columns, width = (1, 1, *shape) if len(shape) == 1 else shape
    return rows, columns, width
