"""The frames that features ask for, and where one pass through a clip puts them.

Features ask for runs of frames at places in the clip, each fitted in its own way. What
several ask for is converted and kept once.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from transform.common.errors import DecodeError
from transform.schema.frame_placement import Fit, KeyFrames, Placement, Sampling, Squash


class FrameRequest(NamedTuple):
    """Runs of `span` frames at a placement, and `ahead` more behind each."""

    size: int  # of the square
    at: Placement = KeyFrames()
    fit: Fit = Squash()
    pixels: Literal["rgb24", "gray"] = "rgb24"
    span: int = 1
    ahead: int = 0


class Footage(NamedTuple):
    """What a request gets; the frames may serve other requests too."""

    frames: np.ndarray  # (F, size, size, 3) uint8 RGB or (F, size, size) uint8 grey
    runs: np.ndarray  # (N, span + ahead) int64 rows of `frames`


class FramePlan(NamedTuple):
    """Which frames of a clip each request means, by index."""

    keys: np.ndarray  # (N,) int64, distinct, ascending
    runs: Mapping[FrameRequest, np.ndarray]  # (N, span + ahead) int64

    @classmethod
    def of(
        cls,
        seconds: np.ndarray,
        sampling: Sampling,
        requests: Collection[FrameRequest],
    ) -> FramePlan:
        """The plan for a clip whose frames are shown at (F,) `seconds`."""
        runs = {
            request: request.at.runs(seconds, sampling, request.span, request.ahead)
            for request in requests
        }
        return cls(sampling.key_frames(len(seconds)), runs)

    @property
    def wanted(self) -> np.ndarray:
        """(W,) int64 indices of all frames that are looked at, ascending."""
        parts = [self.keys, *(index.ravel() for index in self.runs.values())]
        return np.unique(np.concatenate(parts))


class _Canvas(NamedTuple):
    """What is converted once: requests that differ in time alone share it."""

    size: int
    fit: Fit
    pixels: str

    @classmethod
    def of(cls, request: FrameRequest) -> _Canvas:
        return cls(request.size, request.fit, request.pixels)


class Album:
    """Collects a plan's frames from one pass: upright, fitted, each but once.

    A frame is turned upright, resized as its fit says, and its `middle` is kept.
    """

    def __init__(
        self, path: str | os.PathLike, plan: FramePlan, sampling: Sampling
    ) -> None:
        self._path = path
        self._plan = plan
        self._filter = sampling.resize.upper()
        self._keys = {int(index): row for row, index in enumerate(plan.keys)}
        self._seconds = np.zeros(len(plan.keys))
        self._missing = set(plan.wanted.tolist())
        wanted: dict[_Canvas, list[np.ndarray]] = collections.defaultdict(list)
        for request, runs in plan.runs.items():
            wanted[_Canvas.of(request)].append(runs.ravel())
        # Canvas → (F,) distinct indices, ascending: the rows of its frames.
        self._indices = {
            canvas: np.unique(np.concatenate(parts)) for canvas, parts in wanted.items()
        }
        self._rows = {
            canvas: {int(index): row for row, index in enumerate(indices)}
            for canvas, indices in self._indices.items()
        }
        self._frames = {
            canvas: np.zeros(
                (len(indices), canvas.size, canvas.size)
                + ((3,) if canvas.pixels == "rgb24" else ()),
                np.uint8,
            )
            for canvas, indices in self._indices.items()
        }
        self._scalers = {canvas: VideoReformatter() for canvas in wanted}

    @property
    def complete(self) -> bool:
        """Whether every wanted frame was met."""
        return not self._missing

    def add(self, index: int, frame: Any, seconds: float) -> None:
        """Keeps frame `index` of the clip if it is wanted."""
        if index not in self._missing:
            return
        self._missing.remove(index)
        if index in self._keys:
            self._seconds[self._keys[index]] = seconds
        for canvas, rows in self._rows.items():
            if index in rows:
                self._frames[canvas][rows[index]] = self._fitted(frame, canvas)

    def _fitted(self, frame: Any, canvas: _Canvas) -> np.ndarray:
        turns = round(frame.rotation / 90)  # counter-clockwise
        height, width = frame.height, frame.width
        if turns % 2:
            height, width = width, height
        rows, columns = canvas.fit.resized(height, width, canvas.size)
        if turns % 2:  # the decoder's frame still lies on its side
            rows, columns = columns, rows
        try:
            picture = self._scalers[canvas].reformat(
                frame,
                columns,
                rows,
                canvas.pixels,
                interpolation=self._filter,
                threads=1,
            )
        except (av.error.FFmpegError, ValueError) as error:
            reason = f"its {frame.format.name} frames cannot be converted"
            raise DecodeError(self._path, reason) from error
        return middle(np.rot90(picture.to_ndarray(), turns), canvas.size)

    @property
    def footage(self) -> dict[FrameRequest, Footage]:
        """The finished pass, by request."""
        found = {}
        for request, runs in self._plan.runs.items():
            canvas = _Canvas.of(request)
            rows = np.searchsorted(self._indices[canvas], runs)
            found[request] = Footage(self._frames[canvas], rows)
        return found

    @property
    def key_seconds(self) -> np.ndarray:
        """(N,) float64: when each key frame is shown."""
        return self._seconds


def middle(image: np.ndarray, size: int) -> np.ndarray:
    """The middle size × size of (rows, columns, …); black where the image ends.

    Where as many pixels cannot be cut, or added, on both sides, it is one fewer on the
    left or above.
    """
    rows, columns = image.shape[:2]
    top, left = max(0, rows - size) // 2, max(0, columns - size) // 2
    image = image[top : top + size, left : left + size]
    lacking = [size - length for length in image.shape[:2]]
    if not any(lacking):
        return image
    padding = [(pixels // 2, pixels - pixels // 2) for pixels in lacking]
    return np.pad(image, [*padding, *[(0, 0)] * (image.ndim - 2)])
