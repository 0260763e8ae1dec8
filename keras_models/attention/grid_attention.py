"""Attention to one of an encoder's grids."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.attention.cell_attention import CellAttention
from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.stats import STaTSConfig
from keras_models.attention.temporo_spatial import TemporoSpatialConfig
from keras_models.structs import Context, EncodedVideo, State
from transform.common.config import BY_KIND, Config, Field

CellAttentionConfig = Annotated[
    Union[
        SpatioTemporalConfig,
        TemporoSpatialConfig,
        STaTSConfig,
        GlobalCellAttentionConfig,
    ],
    BY_KIND,
]


class GridAttentionConfig(Config):
    """A look at a stream's cells; a model has one such attention for every stream."""

    kind: Literal["stream"] = "stream"
    stream: int = Field(0, ge=0)  # which of the encoder's grids
    look: CellAttentionConfig = STaTSConfig()

    def build(self, name: str = "attention") -> GridAttention:
        """The layer."""
        return GridAttention(self.stream, self.look.build("look"), name=name)


class GridMemory(NamedTuple):
    """What does not depend on the word."""

    cells: tf.Tensor  # (B, T, S, D)
    mask: tf.Tensor  # (B, T, S) bool
    keys: Any  # the branch's


class GridAttention(StepAttention):
    """Hands a grid (B, T, S, D) of `EncodedVideo` to a `Branch`.

    Returns:
        `Context` with what the branch makes of it. There is no state.
    """

    def __init__(self, stream: int, look: CellAttention, **kwargs: Any):
        super().__init__(**kwargs)
        self.stream = stream
        self.look = look

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> GridMemory:
        """The stream's cells and the branch's keys."""
        del training
        if self.stream >= len(encoded.grids):
            raise ValueError(
                f"attention looks at stream {self.stream}; the encoder gives "
                f"{len(encoded.grids)}"
            )
        cells, mask = encoded.grids[self.stream], encoded.grid_masks[self.stream]
        return GridMemory(cells, mask, self.look.prepare(cells, mask))

    def call(
        self,
        query: tf.Tensor,
        memory: GridMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        del training
        vector, weights, losses = self.look(query, *memory)
        zeros = tf.zeros_like(query[:, 0], tf.float32)
        return Context(vector, weights, zeros, losses), state
