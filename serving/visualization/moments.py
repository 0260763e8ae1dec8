"""Where a feature's steps stand in a clip, and the frames that are shown of them."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from transform.schema import FrameSampling
from transform.schema.frame_placement import frame_edges


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


class StepFrames(NamedTuple):
    """Places a frame in the middle of some steps of an attention."""

    placement: StepPlacement
    steps: tuple[int, ...]

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns (steps, 1) indices of frames."""
        del chunk_size, lookahead
        edges = frame_edges(seconds)
        spans = self.placement.spans(edges, sampling)
        steps = np.minimum(self.steps, len(spans) - 1)
        return _shown_at(edges, spans[steps].mean(axis=1))


class EvenFrames(NamedTuple):
    """Places a frame in the middle of each of `parts` equally long parts of a clip."""

    parts: int

    def moments(self, edges: np.ndarray) -> np.ndarray:
        """Returns the (parts,) seconds at which the frames are shown."""
        return edges[-1] * (np.arange(self.parts) + 0.5) / self.parts

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns (parts, 1) indices of frames."""
        del sampling, chunk_size, lookahead
        edges = frame_edges(seconds)
        return _shown_at(edges, self.moments(edges))


def step_at(spans: np.ndarray, second: float) -> int | None:
    """Returns the step in whose span a moment lies, if there is one."""
    inside = np.flatnonzero((spans[:, 0] <= second) & (second < spans[:, 1]))
    return int(inside[0]) if len(inside) else None


def _shown_at(edges: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Returns (M, 1) indices of the frames that are shown at (M,) moments."""
    indices = np.searchsorted(edges, moments, side="right") - 1
    return np.clip(indices, 0, len(edges) - 2)[:, np.newaxis]
