"""Alignment by pooling, which has no weights."""

from __future__ import annotations

import abc
from typing import Any

import pydantic
import tensorflow as tf

from keras_models.encoders.levels.level import Aligned, Level, masked
from keras_models.layers.functional.blocks import as_steps, blocks_there, pad_to_blocks
from keras_models.layers.functional.masking import expand_mask
from keras_models.layers.mlp import Perceptron
from transform.common.config import Config


class PooledLevelConfig(Config):
    """Maps of which every block is pooled to one cell, which goes through an MLP.

    `window` cells along each axis around the block's centre are pooled: more than the
    block where it is larger than `ratio`, less where it is smaller.
    """

    feature: str
    ratio: int = pydantic.Field(ge=1)
    window: int = pydantic.Field(ge=1)
    units: int = pydantic.Field(512, ge=1)  # not given in the paper
    filters: int = pydantic.Field(512, ge=1)  # as many as pool5 has

    @pydantic.root_validator(skip_on_failure=True)
    def _centred(cls, values: dict) -> dict:  # noqa: N805
        if (values["window"] - values["ratio"]) % 2:
            raise ValueError("window and ratio must both be even, or both odd")
        return values


class PooledLevel(Level, abc.ABC):
    """ã_il = pool_{j ∈ N_il} a_jl ;  â_il = MLP_l(ã_il) (Pu et al., 2018, Eq. 17, 18).

    N_il are those cells of block i's window that the clip has.
    """

    def __init__(self, config: PooledLevelConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.window = config.window
        self.perceptron = Perceptron(config.units, config.filters, name="perceptron")

    @abc.abstractmethod
    def pool(self, maps: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """Pools (B, T, H, W, D) where (B, T, H, W, 1) bool `there`, → (…, D)."""
        raise NotImplementedError

    def windows(self, volume: tf.Tensor, value: float = 0.0) -> tf.Tensor:
        """Pads or cuts (B, T, H, W, ·) so that the windows are all there is of it."""
        around = (self.window - self.ratio) // 2
        return pad_to_blocks(volume, self.ratio, around, value)

    def mean(self, volume: tf.Tensor) -> tf.Tensor:
        """Each window's sum over its number of cells, absent ones counted as 0."""
        return tf.nn.avg_pool3d(self.windows(volume), self.window, self.ratio, "VALID")

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> Aligned:
        there = tf.ones_like(maps[..., :1], tf.bool)
        there &= expand_mask(mask, maps)  # (B, T_l, H_l, W_l, 1)
        pooled = self.pool(maps, there)
        covered = as_steps(self.mean(tf.cast(there, maps.dtype)))[..., 0] > 0
        covered &= blocks_there(mask, self.ratio)[..., tf.newaxis]  # (B, T, S)
        return masked(self.perceptron(as_steps(pooled)), covered)
