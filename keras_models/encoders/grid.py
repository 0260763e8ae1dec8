"""An encoder that hands the decoder a grid as it is, whose cells are attended there."""

from __future__ import annotations

from typing import Any, Literal

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.feature_views import (
    as_cells,
    as_grid,
    as_vectors,
    grid_shape,
)
from keras_models.layers.functional.masking import masked_mean
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source
from transform.schema import FeatureSpec


class GridConfig(EncoderConfig):
    """The regional features of MGSA (Chen and Jiang, 2019), without attention."""

    kind: Literal["grid"] = "grid"
    grid: str = "inception_resnet_v2"  # Sec. 4.2: the record feature L

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.grid,)

    def build(self, spec: FeatureSpec) -> GridEncoder:
        """Returns the encoder of records with a specification."""
        return GridEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the grid as the source of its cells and of their means."""
        grid = Source(feature=self.grid)
        return EncodedSources(grid, (grid,))


class GridEncoder(Encoder):
    """Gives the cells of a grid to attentions that look at them for each word.

    Returns:
        `EncodedVideo`: the only grid is L (B, T, S, D), `frames` are its means G over
        the cells (B, T, D), `summary` their mean (B, D).
    """

    def __init__(self, config: GridConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        grid_shape(spec, config.grid, "encoder.grid")
        self.grid = config.grid

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        mask = video.masks[self.grid]
        grid = as_grid(video.features[self.grid])  # (B, T, H, W, D)
        cells, cell_mask = as_cells(grid, mask)
        frames = as_vectors(grid, mask)
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(cells,),
            grid_masks=(cell_mask,),
            summary=masked_mean(frames, mask),
            weights={},
            aux={},
        )
