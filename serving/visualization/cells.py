"""Where the cells of an attention lie in a frame: on a grid, or in boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, Union

import numpy as np

from serving.visualization import overlays
from serving.visualization.moments import PlacedFeature
from transform.schema import ChunkGrid, FrameGrid, Regions
from transform.schema.resize import seen_part
from transform.video.video_info import VideoInfo


class GridCells(NamedTuple):
    """Blocks of `ratio` × `ratio` cells of a network's grid; the last are filled up."""

    feature: FrameGrid | ChunkGrid
    ratio: int

    @property
    def blocks(self) -> tuple[int, int]:
        """The number of blocks, in rows and columns."""
        rows, columns = (math.ceil(side / self.ratio) for side in self.feature.grid)
        return rows, columns

    def heat(
        self, weights: np.ndarray, step: int, size: tuple[int, int], info: VideoInfo
    ) -> np.ndarray:
        """Returns where the weights (S,) of a step lie in a frame.

        Args:
            weights: Of the blocks, row by row.
            step: The step, which a grid does not depend on.
            size: Height and width of the picture.
            info: The clip's own height and width.

        Returns:
            (height, width) heat in [0, 1].
        """
        del step
        return overlays.grid_heat(
            weights.reshape(self.blocks), size, *self.window(info)
        )

    def window(self, info: VideoInfo) -> tuple[overlays.Box, tuple[float, float]]:
        """Returns the part of a frame that the grid sees, as `grid_heat` takes it.

        Args:
            info: The clip's own height and width.

        Returns:
            The part of the frame, and the shares of the blocks' height and width that
            lie within it.
        """
        sides = self.feature.grid
        rows, columns = self.blocks
        fit, square = self.feature.fit, self.feature.size
        return (
            seen_part(fit, info.height, info.width, square),
            (sides[0] / (rows * self.ratio), sides[1] / (columns * self.ratio)),
        )


class BoxCells(NamedTuple):
    """The regions that a detector found."""

    boxes: np.ndarray  # (N, R, 4) edges y1, x1, y2, x2 as shares of the frame

    def heat(
        self, weights: np.ndarray, step: int, size: tuple[int, int], info: VideoInfo
    ) -> np.ndarray:
        """Returns where the weights (R,) of a step lie, as `GridCells.heat` does."""
        del info
        return overlays.box_heat(weights, self.boxes[step], size)


Cells = Union[GridCells, BoxCells]


def cells_of(
    feature: PlacedFeature, ratio: int, boxes: Mapping[str, np.ndarray]
) -> Cells | None:
    """Returns where a feature's cells lie; None if that is not known, or for vectors.

    Args:
        feature: A feature of the clip.
        ratio: How many of its rows and columns are one.
        boxes: The boxes (N, R, 4) of features of regions, by name.
    """
    if isinstance(feature, FrameGrid | ChunkGrid) and feature.grid:
        return GridCells(feature, ratio)
    if isinstance(feature, Regions) and feature.name in boxes:
        return BoxCells(boxes[feature.name])
    return None
