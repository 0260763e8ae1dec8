"""`FrameGrid`: a frozen 2-D network's map of single frames."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from transform.common.config import Config, Field, root_validator, validator
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.features.precision import Precision
from transform.schema.frame_placement import FrameSampling, KeyFrames, Placement
from transform.schema.resize import Resize, Stretch


class FrameGrid(Config):
    """A frozen 2-D CNN's feature map of frames: (N, rows, columns, width).

    With an empty `grid` a step is a vector, (N, width). `weights` names where the
    weights come from and is not part of the hash; `weights_sha256` is:
    `transform.backbones.loading.resolve` fills it in.
    """

    extractor: ClassVar[str] = "transform.extractors.frame_grid:FramePass"

    kind: Literal["frame_grid"] = "frame_grid"
    name: str  # what records and models call it
    network: str  # a name of the networks' table
    layer: str  # the layer whose output is stored
    size: int = Field(ge=8)  # of the square that the network sees
    at: Placement = KeyFrames()  # where in a clip the steps stand
    fit: Resize = Stretch()  # how a frame becomes a square
    grid: tuple[int, ...]  # (rows, columns), or () for a vector
    width: int = Field(ge=1)  # D, numbers of a cell or a step
    precision: Precision = "float32"  # that the network computes in
    # builtin, packaged, imagenet, or the path of a weight file
    weights: str = "builtin"
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})
    hash_default_omitted: ClassVar[frozenset[str]] = frozenset(
        {"at", "fit", "precision"}
    )

    @validator("grid")
    def _two_axes_or_none(cls, grid: tuple[int, ...]) -> tuple[int, ...]:
        return check_grid(grid)

    @root_validator(skip_on_failure=True)
    def _fitting(cls, values: dict[str, Any]) -> dict[str, Any]:
        values["fit"].check(values["size"])
        return values

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        steps = self.at.num_chunks(sampling, 1)
        return FeatureLayout(self.name, steps, (*self.grid, self.width), Raw())

    def step_seconds(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns the part of a clip of each step; see `KeyFrames.step_seconds`."""
        return self.at.step_seconds(edges, sampling)


def check_grid(grid: tuple[int, ...]) -> tuple[int, ...]:
    """Raises `ValueError` unless a grid has rows and columns, or neither."""
    if len(grid) not in (0, 2) or any(cells < 1 for cells in grid):
        raise ValueError("a grid is [rows, columns], or [] for a vector")
    return grid
