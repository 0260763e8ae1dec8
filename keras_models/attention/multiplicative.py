"""Multiplicative attention over frames, or over the cells of a map."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.layers.functional.masking import masked_softmax
from keras_models.layers.multiplicative_score import MultiplicativeScore
from keras_models.structs import Context, EncodedVideo, State
from transform.common.config import BY_KIND, Config, Field


class Frames(Config):
    """The encoder's frames: AttT."""

    kind: Literal["frames"] = "frames"

    @property
    def weights(self) -> str:
        """What the weights (B, T) are called."""
        return "temporal"

    def of(self, encoded: EncodedVideo) -> tuple[tf.Tensor, tf.Tensor]:
        """(B, T, D) items and their mask."""
        return encoded.frames, encoded.frame_mask


class Grid(Config):
    """The cells of one of the encoder's grids, all steps together: AttS."""

    kind: Literal["cells"] = "cells"
    grid: int = Field(0, ge=0)

    @property
    def weights(self) -> str:
        """What the weights (B, T · S) are called."""
        return "spatial"

    def of(self, encoded: EncodedVideo) -> tuple[tf.Tensor, tf.Tensor]:
        """(B, T · S, D) items and their mask."""
        if self.grid >= len(encoded.grids):
            raise ValueError(
                f"attention looks at grid {self.grid}; the encoder gives "
                f"{len(encoded.grids)}"
            )
        grid = encoded.grids[self.grid]  # (B, T, S, D)
        _, steps, cells, width = grid.shape
        flat = [tf.shape(grid)[0], -1 if steps is None else steps * cells]
        items = tf.reshape(grid, [*flat, width])
        return items, tf.reshape(encoded.grid_masks[self.grid], flat)


SourceConfig = Annotated[Union[Frames, Grid], BY_KIND]


class MultiplicativeConfig(Config):
    """VRE's attention (Shi et al., 2019, Sec. 3.3); `over` chooses AttT or AttS."""

    kind: Literal["multiplicative"] = "multiplicative"
    over: SourceConfig = Frames()
    units: int = Field(512, ge=1)  # not given; the hidden state's size

    def build(self, name: str = "attention") -> MultiplicativeAttention:
        """The layer."""
        return MultiplicativeAttention(self.over, self.units, name=name)


class MultiplicativeMemory(NamedTuple):
    """What does not depend on the word."""

    items: tf.Tensor  # (B, N, D)
    mask: tf.Tensor  # (B, N) bool
    keys: tf.Tensor  # (B, N, A)


class MultiplicativeAttention(StepAttention):
    """α = softmax_i(w^T tanh(W_h q ⊙ W_v v_i)), v = Σ_i α_i v_i (Eq. 14–16).

    Returns:
        `Context` with `vector` (B, D) and α, named as the items say; all 0 for a video
        without a single item. There is no state.
    """

    def __init__(self, over: Frames | Grid, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.over = over
        self.energy = MultiplicativeScore(units, name="energy")

    def prepare(
        self, encoded: EncodedVideo, training: bool = False
    ) -> MultiplicativeMemory:
        """The items of a batch of videos, and their keys."""
        del training
        items, mask = self.over.of(encoded)
        return MultiplicativeMemory(items, mask, self.energy.keys(items))

    def call(
        self,
        query: tf.Tensor,
        memory: MultiplicativeMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        del training
        energies = self.energy(query, memory.keys)  # (B, N)
        weights = masked_softmax(energies, memory.mask)  # Eq. 15
        items = memory.items
        vector = tf.einsum("bn,bnd->bd", tf.cast(weights, items.dtype), items)  # Eq. 16
        zeros = tf.zeros_like(weights[:, 0])
        return Context(vector, {self.over.weights: weights}, zeros, {}), state
