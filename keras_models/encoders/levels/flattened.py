"""Alignment by a network that sees a whole block at once."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.encoders.levels.level import Aligned, Level, masked_steps
from keras_models.layers.functional.blocks import as_steps, blocks_there, pad_to_blocks
from keras_models.layers.mlp import Perceptron
from transform.common.config import Config


class FlattenedConfig(Config):
    """Maps whose blocks go through an MLP (dualAFR Table 1, "MLP")."""

    kind: Literal["flattened"] = "flattened"
    feature: str
    ratio: int = pydantic.Field(ge=1)
    units: int = pydantic.Field(512, ge=1)  # not given in the paper
    filters: int = pydantic.Field(512, ge=1)  # as many as pool5 has

    def build(self, name: str) -> Flattened:
        """The layer."""
        return Flattened(self, name=name)


class Flattened(Level):
    """â_il = MLP_l(all cells of block i of a_l, one after another).

    Notes:
        The paper feeds a_l to an MLP "to achieve the same dimension of a_L". One that
        read whole maps would have billions of weights and fit clips of one length; this
        one is shared by the blocks, each of which becomes a cell of a_L's grid.
    """

    def __init__(self, config: FlattenedConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.perceptron = Perceptron(config.units, config.filters, name="perceptron")

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> Aligned:
        blocks = pad_to_blocks(maps, self.ratio)
        for axis in (1, 2, 3):
            blocks = _fold(blocks, axis, self.ratio)
        cells = self.perceptron(as_steps(blocks))
        return masked_steps(cells, blocks_there(mask, self.ratio))


def _fold(volume: tf.Tensor, axis: int, ratio: int) -> tf.Tensor:
    """Moves each run of `ratio` places along an axis into the last axis.

    The result's last axis is (the given last axis, place in the run), row-major.
    """
    shape = [size or tf.shape(volume)[at] for at, size in enumerate(volume.shape)]
    apart = [*shape[:axis], shape[axis] // ratio, ratio, *shape[axis + 1 :]]
    order = [at for at in range(len(apart)) if at != axis + 1]
    moved = tf.transpose(tf.reshape(volume, apart), [*order, axis + 1])
    shape[axis] //= ratio
    shape[-1] *= ratio
    return tf.reshape(moved, shape)
