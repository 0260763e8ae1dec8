"""Attention to the places of several levels at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.attention.selection import HardConfig, Selection, SoftConfig
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.initializers import SMALL_UNIFORM
from keras_models.structs import Context, EncodedVideo, State
from transform.common.config import BY_KIND, Config, Field

SelectionConfig = Annotated[Union[SoftConfig, HardConfig], BY_KIND]


class MultiLevelConfig(Config):
    """dualAFR's spatio-temporal attention alone: its rows of one level."""

    kind: Literal["places"] = "places"
    units: int = Field(512, ge=1)  # not given in the paper
    choice: SelectionConfig = SoftConfig()

    def build(self, name: str = "attention") -> MultiLevelAttention:
        """The layer."""
        return MultiLevelAttention(self.units, self.choice.build("place"), name=name)


class MultiLevelMemory(NamedTuple):
    """What does not depend on the word."""

    cells: tf.Tensor  # (B, T, S, L, D), the places' features at each of L levels
    level_masks: tf.Tensor  # (B, T, S, L) bool
    mask: tf.Tensor  # (B, T, S) bool: places that some level has
    keys: tf.Tensor  # (B, T, S, A)


class Places(NamedTuple):
    """What was taken of the places for one word."""

    levels: tf.Tensor  # (B, L, D): s_tl
    there: tf.Tensor  # (B, L) bool: levels that the clip has
    weights: dict[str, tf.Tensor]
    log_prob: tf.Tensor  # (B,)


class MultiLevelAttention(StepAttention):
    """One α for all levels, told from what all of them say of a place.

        e_ti = w^T tanh(W_a [â_i1 … â_iL] + W_h h_{t−1} + b) ;  α_t = softmax_i(e_ti)
        s_tl = ψ({â_il}_i, α_t)                  (Pu et al., 2018, Eq. 4, 5)

    A place is a cell of the grid at a time step. ψ is the `Choice`.

    Returns:
        `Context` with `vector` [s_t1 … s_tL] (B, L · D) and α as `weights["spatial"]`
        (B, T, S) and, summed over a step, `weights["temporal"]` (B, T); all 0 for a
        clip without a single place. There is no state.
    """

    def __init__(self, units: int, choice: Selection, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, SMALL_UNIFORM, name="energy")
        self.choice = choice

    def prepare(
        self, encoded: EncodedVideo, training: bool = False
    ) -> MultiLevelMemory:
        """The levels side by side, and the places' keys."""
        del training
        if not encoded.grids:
            raise ValueError("attention to places needs grids; the encoder gives none")
        level_masks = tf.stack(encoded.grid_masks, axis=-1)
        return MultiLevelMemory(
            cells=tf.stack(encoded.grids, axis=3),
            level_masks=level_masks,
            mask=tf.reduce_any(level_masks, axis=-1),
            keys=self.energy.keys(tf.concat(encoded.grids, axis=-1)),
        )

    def look(
        self, query: tf.Tensor, memory: MultiLevelMemory, training: bool = False
    ) -> Places:
        """Asks with (B, Q)."""
        energies = self.energy(query, memory.keys)  # (B, T, S): Eq. 4
        shape = tf.shape(energies)
        flat = [shape[0], shape[1] * shape[2]]
        chosen = self.choice(
            tf.reshape(energies, flat), tf.reshape(memory.mask, flat), training=training
        )
        cells = memory.cells
        shares = tf.cast(tf.reshape(chosen.shares, shape), cells.dtype)
        weights = tf.ensure_shape(tf.reshape(chosen.weights, shape), energies.shape)
        return Places(
            levels=tf.einsum("bts,btsld->bld", shares, cells),  # Eq. 5
            there=tf.reduce_any(memory.level_masks, axis=[1, 2]),
            weights={"temporal": tf.reduce_sum(weights, axis=2), "spatial": weights},
            log_prob=chosen.log_prob,
        )

    def call(
        self,
        query: tf.Tensor,
        memory: MultiLevelMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        places = self.look(query, memory, training)
        _, levels, width = places.levels.shape
        vector = tf.reshape(places.levels, [-1, levels * width])
        return Context(vector, places.weights, places.log_prob, {}), state
