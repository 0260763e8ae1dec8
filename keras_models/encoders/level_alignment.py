"""Alignment of a 3-D network's levels to one grid, in dualAFR and its baselines."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Literal, NamedTuple, Optional

import tensorflow as tf

from keras_models.layers.functional.blocks import as_steps, blocks_there, pad_to_blocks
from keras_models.layers.functional.masking import expand_mask
from keras_models.layers.initializers import INITIAL_RANGE, first_weights
from keras_models.layers.mlp import MLP
from transform.common.config import Config, Field, root_validator, validator


class AlignedLevel(NamedTuple):
    """A level's features on the common grid."""

    cells: tf.Tensor  # (B, T, S, D), 0 where masked
    mask: tf.Tensor  # (B, T, S) bool


class LevelAlignment(tf.keras.layers.Layer, abc.ABC):
    """Aligns the maps of one layer of a network to a coarser grid: a_l → â_l.

    Call arguments:
        maps: (B, T_l, H_l, W_l, D_l), 0 where masked.
        mask: (B, T_l) bool.

    Returns:
        `AlignedLevel`. Values at masked steps, and the number of such steps, change
        nothing at the clip's own steps.
    """

    @abc.abstractmethod
    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
        raise NotImplementedError


def masked(cells: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
    """Returns (B, T, S, D) cells with zeros where the (B, T, S) mask is False."""
    return AlignedLevel(tf.where(mask[..., tf.newaxis], cells, 0), mask)


def masked_steps(cells: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
    """Returns (B, T, S, D) cells with zeros where the (B, T) mask of steps is False."""
    cell_mask = tf.broadcast_to(mask[..., tf.newaxis], tf.shape(cells)[:3])
    return masked(cells, tf.ensure_shape(cell_mask, cells.shape[:3]))


class IdentityLevelConfig(Config):
    """A level whose maps are on the common grid already: dualAFR's pool5."""

    kind: Literal["unchanged"] = "unchanged"
    feature: str = "c3d_pool5"  # a record feature

    ratio: ClassVar[int] = 1  # of its grid to the common one

    def build(self, name: str) -> IdentityLevel:
        """Returns the layer that this configuration describes."""
        return IdentityLevel(name=name)


class IdentityLevel(LevelAlignment):
    """Leaves the maps as they are: â_L = a_L."""

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
        return masked_steps(as_steps(maps), mask)


class ConvLevelConfig(Config):
    """A level whose maps are convolved and max-pooled (dualAFR, appendix)."""

    kind: Literal["convolved"] = "convolved"
    feature: str  # a record feature
    kernel: int = Field(ge=1)  # along each of the three axes
    ratio: int = Field(ge=1)  # of the max-pooling
    filters: int = Field(512, ge=1)  # as many as pool5 has
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    @validator("kernel")
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("a kernel needs a centre: its size must be odd")
        return kernel

    def build(self, name: str) -> ConvLevel:
        """Returns the layer that this configuration describes."""
        return ConvLevel(self, name=name)


class ConvLevel(LevelAlignment):
    """Aligns a level by a convolution and max-pooling (Pu et al., 2018, Eq. 3).

        â_l = maxpool(relu(Σ_k a_l(k) ∗ U_kl + b_l))

    The convolution sees zeros around the clip, (kernel − 1) / 2 of them on each side.
    Pooled blocks begin with the clip and its first row and column; the last ones hold
    what is left. So do the pooling layers of C3D, and all levels look at the same
    pixels (appendix, "Convolutional Transformation"). ReLU comes after the pooling,
    with the same result: it then keeps no copy of the convolved maps, hundreds of times
    as large, for its gradient.
    """

    def __init__(self, config: ConvLevelConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.convolution = tf.keras.layers.Conv3D(
            config.filters,
            config.kernel,
            padding="same",
            kernel_initializer=first_weights(config.initial_range),
            name="convolution",
        )

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
        convolved = self.convolution(maps)
        lowest = convolved.dtype.min
        convolved = tf.where(expand_mask(mask, convolved), convolved, lowest)
        blocks = pad_to_blocks(convolved, self.ratio, value=lowest)
        pooled = tf.nn.max_pool3d(blocks, self.ratio, self.ratio, "VALID")
        cells = as_steps(tf.nn.relu(pooled))
        return masked_steps(cells, blocks_there(mask, self.ratio))


class PooledLevelConfig(Config):
    """A level each block of which is pooled to one cell, which an MLP transforms.

    `window` cells along each axis around the block's centre are pooled: more than the
    block where it is larger than `ratio`, less where it is smaller.
    """

    feature: str  # a record feature
    ratio: int = Field(ge=1)  # of the level's grid to the common one
    window: int = Field(ge=1)  # cells of a pooled window
    units: int = Field(512, ge=1)  # not given in the paper
    filters: int = Field(512, ge=1)  # as many as pool5 has
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    @root_validator(skip_on_failure=True)
    def _centred(cls, values: dict) -> dict:
        if (values["window"] - values["ratio"]) % 2:
            raise ValueError("window and ratio must both be even, or both odd")
        return values


class PooledLevel(LevelAlignment, abc.ABC):
    """Aligns a level by pooling its blocks (Pu et al., 2018, Eq. 17, 18).

        ã_il = pool_{j ∈ N_il} a_jl ;  â_il = MLP_l(ã_il)

    N_il are those cells of block i's window that the clip has; blocks begin with the
    clip, as in `ConvLevel`.
    """

    def __init__(self, config: PooledLevelConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.window = config.window
        self.perceptron = MLP(
            config.units, config.filters, config.initial_range, name="perceptron"
        )

    @abc.abstractmethod
    def pool(self, maps: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Pools the windows of (B, T, H, W, D) maps, without masked cells.

        Args:
            maps: (B, T, H, W, D).
            mask: (B, T, H, W, 1) bool.

        Returns:
            (B, T', H', W', D), one cell a window; 0 where a window has no cell.
        """
        raise NotImplementedError

    def windows(self, volume: tf.Tensor, value: float = 0.0) -> tf.Tensor:
        """Pads or crops (B, T, H, W, ·) so that windows cover it exactly."""
        around = (self.window - self.ratio) // 2
        return pad_to_blocks(volume, self.ratio, around, value)

    def mean(self, volume: tf.Tensor) -> tf.Tensor:
        """Returns each window's mean, in which absent cells count as 0."""
        return tf.nn.avg_pool3d(self.windows(volume), self.window, self.ratio, "VALID")

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
        cell_mask = tf.ones_like(maps[..., :1], tf.bool)
        cell_mask &= expand_mask(mask, maps)  # (B, T_l, H_l, W_l, 1)
        pooled = self.pool(maps, cell_mask)
        covered = as_steps(self.mean(tf.cast(cell_mask, maps.dtype)))[..., 0] > 0
        covered &= blocks_there(mask, self.ratio)[..., tf.newaxis]  # (B, T, S)
        return masked(self.perceptron(as_steps(pooled)), covered)


class MaxPooledLevelConfig(PooledLevelConfig):
    """A level whose windows are max-pooled (dualAFR Table 1, "Max-pooling")."""

    kind: Literal["max_pooled"] = "max_pooled"

    def build(self, name: str) -> MaxPooledLevel:
        """Returns the layer that this configuration describes."""
        return MaxPooledLevel(self, name=name)


class MaxPooledLevel(PooledLevel):
    """Pools by the maximum: ã_il(k) = max_{j ∈ N_il} a_jl(k), 0 without a cell."""

    def pool(self, maps: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Pools the windows of the maps by their maximum."""
        lowest = maps.dtype.min
        values = self.windows(tf.where(mask, maps, lowest), lowest)
        pooled = tf.nn.max_pool3d(values, self.window, self.ratio, "VALID")
        return tf.where(pooled > lowest, pooled, 0)


class MeanPooledLevelConfig(PooledLevelConfig):
    """A level whose windows are averaged (dualAFR Table 1, "Average-pooling").

    It is the table's "Hypercolumn" too. A hypercolumn (Hariharan et al., 2015)
    concatenates the layers' values at one point. The trilinear value of a layer at a
    block's centre is the mean of the 2 × 2 × 2 cells around it: a window of 2.
    """

    kind: Literal["mean_pooled"] = "mean_pooled"

    def build(self, name: str) -> MeanPooledLevel:
        """Returns the layer that this configuration describes."""
        return MeanPooledLevel(self, name=name)


class MeanPooledLevel(PooledLevel):
    """Pools by the mean: ã_il(k) = 1/|N_il| Σ_{j ∈ N_il} a_jl(k), 0 without a cell."""

    def pool(self, maps: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Pools the windows of the maps by their mean."""
        total = self.mean(tf.where(mask, maps, 0))
        return tf.math.divide_no_nan(total, self.mean(tf.cast(mask, maps.dtype)))


class MLPLevelConfig(Config):
    """A level whose blocks an MLP transforms (dualAFR Table 1, "MLP")."""

    kind: Literal["flattened"] = "flattened"
    feature: str  # a record feature
    ratio: int = Field(ge=1)  # of the level's grid to the common one
    units: int = Field(512, ge=1)  # not given in the paper
    filters: int = Field(512, ge=1)  # as many as pool5 has
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    def build(self, name: str) -> MLPLevel:
        """Returns the layer that this configuration describes."""
        return MLPLevel(self, name=name)


class MLPLevel(LevelAlignment):
    """Aligns a level by an MLP: â_il = MLP_l(concatenated cells of block i of a_l).

    Notes:
        The paper feeds a_l to an MLP "to achieve the same dimension of a_L". One that
        read whole maps would have billions of weights and fit clips of one length; this
        one is shared by the blocks, each of which becomes a cell of a_L's grid.
    """

    def __init__(self, config: MLPLevelConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.perceptron = MLP(
            config.units, config.filters, config.initial_range, name="perceptron"
        )

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> AlignedLevel:
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
    split = [*shape[:axis], shape[axis] // ratio, ratio, *shape[axis + 1 :]]
    order = [at for at in range(len(split)) if at != axis + 1]
    moved = tf.transpose(tf.reshape(volume, split), [*order, axis + 1])
    shape[axis] //= ratio
    shape[-1] *= ratio
    return tf.reshape(moved, shape)
