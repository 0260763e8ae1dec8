"""`Regions`: the objects that a detector finds in frames."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Union

import numpy as np

from transform.common.config import BY_KIND, Config, Field, root_validator
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.features.chunk_grid import ChunkGrid, Input, PixelInput
from transform.schema.features.frame_grid import FrameGrid
from transform.schema.frame_placement import (
    FrameSampling,
    KeyFrames,
    Placement,
    Strided,
    WholeClip,
)
from transform.schema.resize import Letterbox, Stretch


class OwnHead(Config):
    """The detector's own vector of a region, from which it classified the object."""

    kind: Literal["own_head"] = "own_head"

    width: ClassVar[int] = 1024


class FrameMap(Config):
    """A 2-D network's map of the same frame, stretched to a square."""

    kind: Literal["frame_map"] = "frame_map"
    network: str  # a name of the networks' table
    layer: str  # the layer whose output is stored
    size: int = Field(ge=8)  # pixels of a side of the network's input
    grid: tuple[int, int]  # (rows, columns) of the map
    width: int = Field(ge=1)  # D, numbers of a cell or a step
    # builtin, packaged, imagenet, or the path of a weight file
    weights: str = "builtin"
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})

    def feature(self, name: str, at: Placement) -> FrameGrid:
        """Returns the feature whose steps are these maps."""
        return FrameGrid(name=name, at=at, fit=Stretch(), **_without_kind(self))


class ChunkMap(Config):
    """A 3-D network's map of a chunk of frames, stretched to squares.

    Chunks stand where the placement puts them: centred at key frames, or from the
    beginning of a run, in whose middle the detector looks. The map's times are
    averaged.
    """

    kind: Literal["chunk_map"] = "chunk_map"
    network: str  # a name of the networks' table
    layer: str  # the layer whose output is stored
    size: int = Field(ge=8)  # pixels of a side of the network's input
    chunk: int = Field(ge=1)  # frames of a chunk
    input: Input = PixelInput()  # frames or optical flow
    map_times: int = Field(1, ge=1)  # time steps of the network's map of a chunk
    grid: tuple[int, int]  # (rows, columns) of the map
    width: int = Field(ge=1)  # D, numbers of a cell or a step
    weights: str = "builtin"  # builtin, imagenet, or the path of a weight file
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})

    def feature(self, name: str, at: Placement) -> ChunkGrid:
        """Returns the feature whose steps are these maps."""
        settings = _without_kind(self)
        return ChunkGrid(name=name, at=at, fit=Stretch(), times="mean", **settings)


Source = Annotated[Union[OwnHead, FrameMap, ChunkMap], BY_KIND]


class Objects(Config):
    """Only what the detector takes for an object: 0 to `count` regions a frame.

    Of two objects of one class that overlap more than `nms`, the better one is kept.
    """

    kind: Literal["objects"] = "objects"
    min_score: float = Field(0.7, ge=0, le=1)  # Mask_RCNN's own


class Proposals(Config):
    """The best `count` proposals, those that look like background included.

    A proposal's score is that of its likeliest class but the background. Those that
    overlap a better one of their class more than `nms` come last, so that no frame has
    fewer than `count` regions where the detector proposes that many (STaTS Sec. 4.1: a
    fixed number of boxes a frame).
    """

    kind: Literal["proposals"] = "proposals"


RegionSelection = Annotated[Union[Objects, Proposals], BY_KIND]


class Regions(Config):
    """The regions found in frames, best first: (N, count, width).

    The detector sees the whole frame, scaled to `size` and surrounded by black. What is
    stored of a region is its vector: the detector's own (`OwnHead`), or the mean of
    another network's map inside of its box by ROI-align (`FrameMap`, `ChunkMap`). A
    frame with fewer regions has rows of zeros, which encoders mask.

    `weights` is not hashed, `weights_sha256` is.
    """

    extractor: ClassVar[str] = "transform.extractors.regions:RegionsExtractor"

    kind: Literal["regions"] = "regions"
    name: str  # what records and models call it
    # a name of the detectors' table
    detector: Literal["mask_rcnn", "faster_rcnn", "tiny"] = "mask_rcnn"
    at: Placement = KeyFrames()  # where in a clip the steps stand
    count: int = Field(10, ge=1)  # STaTS Sec. 4.1, VATEX Sec. 2.1
    # pixels of the longer side that boxes are looked for in
    size: int = Field(1024, ge=64, multiple_of=64)
    select: RegionSelection = Objects()  # which boxes are regions
    nms: float = Field(0.3, ge=0, le=1)  # Mask_RCNN's own
    source: Source = OwnHead()  # where the boxes' vectors are taken from
    weights: str = "builtin"  # builtin, imagenet, or the path of a weight file
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})

    @root_validator(skip_on_failure=True)
    def _as_many_maps_as_frames(cls, values: dict[str, Any]) -> dict[str, Any]:
        at, source = values["at"], values["source"]
        if isinstance(source, ChunkMap):
            if isinstance(at, WholeClip):
                raise ValueError("whole clips have no chunks; use every or key_frames")
            if isinstance(at, Strided) and source.chunk > at.frames:
                raise ValueError(
                    f"chunks of {source.chunk} frames are longer than the {at.frames} "
                    "frames of a step"
                )
        return values

    @property
    def fit(self) -> Letterbox:
        """The resize mode of the detector's frames."""
        return Letterbox()

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        steps = self.at.num_chunks(sampling, 1)
        return FeatureLayout(self.name, steps, (self.count, self.source.width), Raw())

    def step_seconds(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns the part of a clip of each step; see `KeyFrames.step_seconds`."""
        return self.at.step_seconds(edges, sampling)


def _without_kind(source: FrameMap | ChunkMap) -> dict[str, Any]:
    return {name: value for name, value in source if name != "kind"}
