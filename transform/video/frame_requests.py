"""Requests of features for frames, and the collection of those frames in one pass.

Features ask for runs of frames at places in the clip, each resized in its own way. A
frame that several requests need is converted and kept once.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from transform.schema.frame_placement import FrameSampling, KeyFrames
from transform.schema.resize import OwnShape, Resize, Stretch
from transform.video.video_info import DecodeError


class FramePlacement(Protocol):
    """Says which frames of a clip are wanted; features' placements do."""

    def __hash__(self) -> int: ...

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns (N, chunk_size + lookahead) indices of frames at (F,) seconds."""
        ...


class FrameRequest(NamedTuple):
    """A feature's request: chunks of frames at a placement, each resized."""

    size: int  # of the square, or the most of the long side of an `OwnShape`
    placement: FramePlacement = KeyFrames()
    resize: Resize | OwnShape = Stretch()
    pixels: Literal["rgb24", "gray"] = "rgb24"
    chunk_size: int = 1  # consecutive frames
    lookahead: int = 0  # further frames behind each chunk


class FrameSet(NamedTuple):
    """The frames that answer a request; they may serve other requests too."""

    frames: np.ndarray  # (F, rows, columns, 3) uint8 RGB or (F, rows, columns) grey
    rows: np.ndarray  # (N, chunk_size + lookahead) int64 rows of `frames`

    def first_frames(self) -> np.ndarray:
        """Returns the first frame of each chunk, as an array (N, size, size, …)."""
        return self.frames[self.rows[:, 0]]


class FramePlan(NamedTuple):
    """Indices among a clip's frames of all that is requested of it."""

    keys: np.ndarray  # (N,) int64, distinct, ascending
    indices: Mapping[FrameRequest, np.ndarray]  # (N, chunk_size + lookahead) int64

    @classmethod
    def of(
        cls,
        timestamps: np.ndarray,
        sampling: FrameSampling,
        requests: Collection[FrameRequest],
    ) -> FramePlan:
        """Returns the plan for a clip whose frames are shown at (F,) `timestamps`."""
        indices = {
            request: request.placement.frame_indices(
                timestamps, sampling, request.chunk_size, request.lookahead
            )
            for request in requests
        }
        return cls(sampling.key_frames(len(timestamps)), indices)

    @property
    def wanted(self) -> np.ndarray:
        """(W,) int64 indices of all frames that are needed, ascending."""
        parts = [self.keys, *(index.ravel() for index in self.indices.values())]
        return np.unique(np.concatenate(parts))


class _FrameFormat(NamedTuple):
    """Size, resize mode and pixels; requests that share them share converted frames."""

    size: int
    resize: Resize | OwnShape
    pixels: str

    @classmethod
    def of(cls, request: FrameRequest) -> _FrameFormat:
        return cls(request.size, request.resize, request.pixels)


class ConvertedFrame(NamedTuple):
    """A frame in every form that requests need, in place of the decoder's own."""

    pictures: Mapping[_FrameFormat, np.ndarray]


class FrameConverter:
    """Turns frames upright, resizes them, and crops them as requests need it.

    Args:
        path: The file, for errors.
        sampling: The filter that frames are resized with.
        pixel_aspect: The width of a pixel over its height.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        sampling: FrameSampling,
        pixel_aspect: float = 1.0,
    ) -> None:
        self._pixel_aspect = pixel_aspect
        self._path = path
        self._filter = sampling.resize.upper()
        self._scalers: dict[_FrameFormat, VideoReformatter] = {}

    def converted(
        self, frame: Any, requests: Collection[FrameRequest]
    ) -> ConvertedFrame:
        """Returns a frame in the forms of some requests."""
        forms = {_FrameFormat.of(request) for request in requests}
        return ConvertedFrame({form: self.picture(frame, form) for form in forms})

    def picture(self, frame: Any, form: _FrameFormat) -> np.ndarray:
        """Returns a frame upright, resized and cropped to its canvas."""
        if isinstance(frame, ConvertedFrame):
            return frame.pictures[form]
        turns = round(frame.rotation / 90)  # counter-clockwise
        width, height = shown_size(frame.width, frame.height, self._pixel_aspect)
        if turns % 2:
            height, width = width, height
        canvas = form.resize.canvas(height, width, form.size)
        rows, columns = form.resize.resized(height, width, form.size)
        if turns % 2:  # the decoder's frame still lies on its side
            rows, columns = columns, rows
        scaler = self._scalers.setdefault(form, VideoReformatter())
        try:
            picture = scaler.reformat(
                frame,
                columns,
                rows,
                form.pixels,
                interpolation=self._filter,
                threads=1,
            )
        except (av.error.FFmpegError, ValueError) as error:
            reason = f"its {frame.format.name} frames cannot be converted"
            raise DecodeError(self._path, reason) from error
        return centre_crop(np.rot90(picture.to_ndarray(), turns), *canvas)


class FrameCollector:
    """Collects a plan's frames from one pass: upright, resized, each but once.

    A frame is turned upright, resized in the request's mode, and cropped to its centre.
    Its proportions are those that players show, where pixels are not square.
    Frames of one format have the size of the first one, should the video's change.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        plan: FramePlan,
        sampling: FrameSampling,
        pixel_aspect: float = 1.0,
    ) -> None:
        self._converter = FrameConverter(path, sampling, pixel_aspect)
        self._plan = plan
        self._keys = {int(index): row for row, index in enumerate(plan.keys)}
        self._seconds = np.zeros(len(plan.keys))
        self._missing = set(plan.wanted.tolist())
        wanted: dict[_FrameFormat, list[np.ndarray]] = collections.defaultdict(list)
        for request, indices in plan.indices.items():
            wanted[_FrameFormat.of(request)].append(indices.ravel())
        # Format → (F,) distinct indices, ascending: the rows of its frames.
        self._indices = {
            form: np.unique(np.concatenate(parts)) for form, parts in wanted.items()
        }
        self._rows = {
            form: {int(index): row for row, index in enumerate(indices)}
            for form, indices in self._indices.items()
        }
        self._frames: dict[_FrameFormat, np.ndarray] = {}

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
        for form, rows in self._rows.items():
            if index not in rows:
                continue
            picture = self._converter.picture(frame, form)
            if form not in self._frames:
                self._frames[form] = np.zeros((len(rows), *picture.shape), np.uint8)
            canvas = self._frames[form].shape[1:3]
            self._frames[form][rows[index]] = centre_crop(picture, *canvas)

    @property
    def frame_sets(self) -> dict[FrameRequest, FrameSet]:
        """The collected frames, by request."""
        sets = {}
        for request, indices in self._plan.indices.items():
            form = _FrameFormat.of(request)
            rows = np.searchsorted(self._indices[form], indices)
            sets[request] = FrameSet(self._frames[form], rows)
        return sets

    @property
    def key_seconds(self) -> np.ndarray:
        """(N,) float64 seconds at which the key frames are shown."""
        return self._seconds


def shown_size(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """Returns the (width, height) of a frame whose pixels were made square.

    The side that grows is changed, so that nothing of the picture is lost.
    """
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def centre_crop(
    image: np.ndarray, rows: int, columns: int, fill: int = 0
) -> np.ndarray:
    """Crops (height, width, …) to its centre; `fill` stands where it is smaller.

    Where as many pixels cannot be cut, or added, on both sides, it is one fewer on the
    left or above.
    """
    height, width = image.shape[:2]
    top, left = max(0, height - rows) // 2, max(0, width - columns) // 2
    image = image[top : top + rows, left : left + columns]
    missing = [rows - image.shape[0], columns - image.shape[1]]
    if not any(missing):
        return image
    padding = [(pixels // 2, pixels - pixels // 2) for pixels in missing]
    padding += [(0, 0)] * (image.ndim - 2)
    return np.pad(image, padding, constant_values=fill)
