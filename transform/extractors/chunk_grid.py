"""`ChunkPass`: maps of a 3-D network for chunks of a clip's frames."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np

from transform.backbones import batching, loading
from transform.common.config import Config
from transform.schema import ChunkGrid, FlowInput, PixelInput
from transform.video import optical_flow
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest, FrameSet

MOST_FRAMES = 64  # that a network is given at once, if the chunks are not longer


class ChunkPass:
    """Runs a 3-D network on chunks of frames.

    Args:
        features: of one pass; see `network_pass.share`.
    """

    def __init__(self, *features: ChunkGrid):
        first = features[0]
        self.names = [feature.name for feature in features]
        self._features = features
        self._input: ChunkInput = _INPUTS[type(first.input)](first)
        self._network = loading.load_chunks(*features)

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns the request for the chunks."""
        return (self._input.frames,)

    def steps(self, clip: Clip) -> Iterator[tuple[np.ndarray, ...]]:
        """Yields a batch's steps of each feature; see `NetworkPass`."""
        chunks = clip.frame_set(self._input.frames)
        together = max(1, MOST_FRAMES // chunks.rows.shape[1])
        for batch in self._input.batches(chunks, together):
            maps = batching.run(self._network, batch, together)
            yield tuple(map(in_steps, maps, self._features))


def in_steps(maps: np.ndarray, feature: ChunkGrid) -> np.ndarray:
    """Turns the maps of chunks into the feature's steps.

    Args:
        maps: (B, times, [rows, columns,] width).
        feature: what becomes of the times.

    Returns:
        (N, [rows, columns,] feature.width), where joined widths have the first time's
        values first.
    """
    if feature.times == "mean":
        return maps.mean(axis=1)
    if feature.times == "join":
        maps = np.moveaxis(maps, 1, -2)  # (B, [rows, columns,] times, width)
        return maps.reshape(len(maps), *feature.grid, feature.width)
    return maps.reshape(-1, *maps.shape[2:])


class ChunkInput(Protocol):
    """Interface of the inputs of a 3-D network: pixels or motion."""

    frames: FrameRequest

    def batches(self, chunks: FrameSet, together: int) -> Iterator[np.ndarray]:
        """Yields (`together` or fewer, frames, size, size, channels) at a time."""
        ...


class Colours:
    """Gives the network the RGB pixels of chunks."""

    def __init__(self, feature: ChunkGrid):
        self.frames = FrameRequest(
            feature.size, feature.at, feature.fit, chunk_size=feature.chunk
        )

    def batches(self, chunks: FrameSet, together: int) -> Iterator[np.ndarray]:
        for first in range(0, len(chunks.rows), together):
            yield chunks.frames[chunks.rows[first : first + together]]


class Movement:
    """Gives the network the flow from each frame of a chunk to the next."""

    def __init__(self, feature: ChunkGrid):
        self.frames = FrameRequest(
            feature.size,
            feature.at,
            feature.fit,
            pixels="gray",
            chunk_size=feature.chunk,
            lookahead=1,
        )
        assert isinstance(feature.input, FlowInput)
        self._motion = feature.input

    def batches(self, chunks: FrameSet, together: int) -> Iterator[np.ndarray]:
        estimate = optical_flow.estimator(self._motion.algorithm)
        fields: dict[tuple[int, int], np.ndarray] = {}  # chunks may overlap
        for first in range(0, len(chunks.rows), together):
            batch = chunks.rows[first : first + together].tolist()
            pairs = [list(itertools.pairwise(run)) for run in batch]
            known = fields
            fields = {
                pair: known[pair]
                if pair in known
                else optical_flow.scaled(
                    estimate, chunks.frames, *pair, self._motion.clip
                )
                for pair in dict.fromkeys(itertools.chain(*pairs))
            }
            yield np.stack([[fields[pair] for pair in run] for run in pairs])


_INPUTS: Mapping[type[Config], Callable[[ChunkGrid], ChunkInput]] = {
    PixelInput: Colours,
    FlowInput: Movement,
}
