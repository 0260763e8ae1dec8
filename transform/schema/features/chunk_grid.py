"""`ChunkGrid`: a frozen 3-D network's map of chunks of frames."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Union

import numpy as np

from transform.common.config import BY_KIND, Config, Field, root_validator, validator
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.features.flow_algorithms import FlowAlgorithm, TvL1
from transform.schema.features.frame_grid import check_grid
from transform.schema.features.precision import Precision
from transform.schema.frame_placement import FrameSampling, Placement, WholeClip
from transform.schema.resize import Resize, Stretch


class NetworkMean(Config):
    """Subtracts from every pixel what the network's publication says, if anything."""

    kind: Literal["network_mean"] = "network_mean"


class MeanFile(Config):
    """Subtracts a mean of whole chunks, read from a file of the network (C3D).

    `weights` names the file and is not hashed, `weights_sha256` is.
    """

    kind: Literal["mean_file"] = "mean_file"
    weights: str  # path of the mean's file
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})


Mean = Annotated[Union[NetworkMean, MeanFile], BY_KIND]


class PixelInput(Config):
    """Feeds the network RGB frames in 0…255."""

    kind: Literal["pixels"] = "pixels"
    mean: Mean = NetworkMean()  # what is subtracted from the pixels

    channels: ClassVar[int] = 3


class FlowInput(Config):
    """Feeds the network optical flow (x, y) from each frame to the clip's next.

    Displacements in pixels of the fitted frame, clipped to ±`clip` and scaled to
    [−1, 1]; not quantised. The clip's last frame has no next: it does not move.
    """

    kind: Literal["motion"] = "motion"
    algorithm: FlowAlgorithm = TvL1()  # of the optical flow
    clip: float = Field(20.0, gt=0)  # I3D Sec. 2.5: truncated to [−20, 20]

    channels: ClassVar[int] = 2


Input = Annotated[Union[PixelInput, FlowInput], BY_KIND]


class ChunkGrid(Config):
    """A frozen 3-D CNN's map of chunks of frames: (N, rows, columns, width).

    For every chunk the network gives a map of `map_times` time steps. They are one
    step of the feature, side by side (`join`, so that width is `map_times` times the
    map's) or averaged (`mean`), or a step each (`steps`). With an empty `grid` a step
    is a vector. `weights` is not hashed, `weights_sha256` is.
    """

    extractor: ClassVar[str] = "transform.extractors.chunk_grid:ChunkPass"

    kind: Literal["chunk_grid"] = "chunk_grid"
    name: str  # what records and models call it
    network: str  # a name of the networks' table
    layer: str  # the layer whose output is stored
    size: int = Field(ge=8)  # of the square that the network sees
    chunk: int = Field(16, ge=1)  # frames of a chunk
    at: Placement  # where in a clip the steps stand
    fit: Resize = Stretch()  # how a frame becomes a square
    input: Input = PixelInput()  # frames or optical flow
    map_times: int = Field(1, ge=1)  # time steps of the network's map of a chunk
    # what becomes of a map's time steps
    times: Literal["join", "steps", "mean"] = "mean"
    grid: tuple[int, ...]  # (rows, columns), or () for a vector
    width: int = Field(ge=1)  # D, numbers of a cell or a step
    precision: Precision = "float32"  # that the network computes in
    weights: str = "builtin"  # builtin, imagenet, or the path of a weight file
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})
    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"precision"})

    @validator("grid")
    def _two_axes_or_none(cls, grid: tuple[int, ...]) -> tuple[int, ...]:
        return check_grid(grid)

    @root_validator(skip_on_failure=True)
    def _fitting(cls, values: dict[str, Any]) -> dict[str, Any]:
        values["fit"].check(values["size"])
        times, count = values["times"], values["map_times"]
        if isinstance(values["at"], WholeClip) and times != "steps":
            raise ValueError(
                f"whole clips have maps of any length: times {times} should be steps"
            )
        if times == "join" and values["width"] % count:
            raise ValueError(
                f"{count} joined times cannot have a width of {values['width']}"
            )
        return values

    @property
    def input_shape(self) -> tuple[int | None, int, int, int]:
        """(frames, size, size, channels) of a chunk; whole clips have any multiple."""
        frames = None if isinstance(self.at, WholeClip) else self.chunk
        return frames, self.size, self.size, self.input.channels

    @property
    def map_shape(self) -> tuple[int, ...]:
        """The network's output for `chunk` frames: (times, [rows, columns,] width).

        A network that has reduced the time axis may give ([rows, columns,] width).
        """
        joined = self.map_times if self.times == "join" else 1
        return self.map_times, *self.grid, self.width // joined

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        steps = self.at.num_chunks(sampling, self.chunk)
        if self.times == "steps":
            steps *= self.map_times
        return FeatureLayout(self.name, steps, (*self.grid, self.width), Raw())

    def step_seconds(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns the part of a clip of each step; see `KeyFrames.step_seconds`."""
        times = self.map_times if self.times == "steps" else 1
        return self.at.step_seconds(edges, sampling, self.chunk, times)
