"""Step attention to one of an encoder's grids."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.attention.cell_attention import CellAttention
from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.sources import grid_of, source_of
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.stats import STaTSConfig
from keras_models.attention.temporo_spatial import TemporoSpatialConfig
from keras_models.structs import Context, EncodedVideo, State
from keras_models.weight_axes import EncodedSources, NamedAxes
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
    """Attention to the cells of one stream; a model has one for every stream."""

    kind: Literal["stream"] = "stream"
    stream: int = Field(0, ge=0)  # which of the encoder's grids
    look: CellAttentionConfig = STaTSConfig()  # at the grid's cells and frames

    def build(self, name: str = "attention") -> GridAttention:
        """Returns the layer that this configuration describes."""
        return GridAttention(self.stream, self.look.build("look"), name=name)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: the stream's steps and cells."""
        return self.look.weight_axes(source_of(sources, self.stream))


class GridMemory(NamedTuple):
    """A grid of a batch of videos and its keys, which no word changes."""

    cells: tf.Tensor  # (B, T, S, D)
    mask: tf.Tensor  # (B, T, S) bool
    keys: Any  # of the attention to the cells

    @property
    def rows_are_clips(self) -> bool:
        """Whether no row has to be repeated for each caption of its clip."""
        return True


class GridAttention(StepAttention):
    """Attends to one grid (B, T, S, D) of `EncodedVideo` by a `CellAttention`.

    Returns:
        `Context` with the vector, weights and losses of that attention. There is no
        state.
    """

    def __init__(self, grid: int, attention: CellAttention, **kwargs: Any):
        super().__init__(**kwargs)
        self.grid = grid
        self.look = attention

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> GridMemory:
        """Returns the grid's cells and their keys."""
        del training
        cells, mask = grid_of(encoded, self.grid)
        return GridMemory(cells, mask, self.look.prepare(cells, mask))

    def call(
        self,
        query: tf.Tensor,
        memory: GridMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        del training
        output = self.look(query, memory.cells, memory.mask, memory.keys)
        zeros = tf.zeros_like(query[:, 0], tf.float32)
        return Context(output.vector, output.weights, zeros, output.losses), state
