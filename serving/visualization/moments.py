"""Where a feature's steps stand in a clip, and the frames that are shown of them."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from keras_models.weight_axes import WeightAxes
from transform.schema import FeatureSpec, FrameSampling
from transform.schema.frame_placement import frame_edges

MAX_FRAMES = 256  # that are kept of a clip


@runtime_checkable
class PlacedFeature(Protocol):
    """A feature whose steps have a place in the clip; sound and imports have none."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """What records and models call it."""
        ...

    def step_seconds(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns (N, 2) seconds: where each step begins and where it ends."""
        ...


class StepPlacement(NamedTuple):
    """The steps of an attention: `ratio` of a feature's steps are one of them."""

    feature: PlacedFeature
    ratio: int = 1

    def spans(self, edges: np.ndarray, sampling: FrameSampling) -> np.ndarray:
        """Returns (N, 2) seconds; see `KeyFrames.step_seconds` for `edges`."""
        spans = self.feature.step_seconds(edges, sampling)
        firsts = np.arange(0, len(spans), self.ratio)
        lasts = np.minimum(firsts + self.ratio, len(spans)) - 1
        return np.stack([spans[firsts, 0], spans[lasts, 1]], axis=1)


def placement_of(spec: FeatureSpec, about: WeightAxes) -> StepPlacement | None:
    """Returns where the steps stand that a weight is about, if that is known."""
    if about.source is None:
        return None
    for feature in spec.features:
        if feature.name == about.source.feature and isinstance(feature, PlacedFeature):
            return StepPlacement(feature, about.source.ratio)
    return None


class ShownFrames(NamedTuple):
    """Places a frame wherever a picture of the clip may need one.

    That is in the middle of each step of some attentions, of each of `parts` equally
    long parts of the clip, and of the whole clip. Of more than `MAX_FRAMES`, as many
    are taken at even distances.
    """

    placements: tuple[StepPlacement, ...]
    parts: int

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns (N, 1) indices of frames, distinct and ascending."""
        del chunk_size, lookahead
        edges = frame_edges(seconds)
        moments = [
            part_middles(edges, 1),
            part_middles(edges, self.parts),
            *(each.spans(edges, sampling).mean(axis=1) for each in self.placements),
        ]
        indices = np.unique(frames_at(edges, np.concatenate(moments)))
        count = min(len(indices), MAX_FRAMES)
        rows = np.linspace(0, len(indices) - 1, count).round().astype(int)
        return indices[rows, np.newaxis]


def part_middles(edges: np.ndarray, parts: int) -> np.ndarray:
    """Returns the (parts,) seconds in the middle of equally long parts of a clip."""
    return edges[-1] * (np.arange(parts) + 0.5) / parts


def step_at(spans: np.ndarray, second: float) -> int | None:
    """Returns the step in whose span a moment lies, if there is one."""
    inside = np.flatnonzero((spans[:, 0] <= second) & (second < spans[:, 1]))
    return int(inside[0]) if len(inside) else None


def frames_at(edges: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Returns the (M,) indices of the frames that are shown at (M,) moments."""
    indices = np.searchsorted(edges, moments, side="right") - 1
    return np.clip(indices, 0, len(edges) - 2)
