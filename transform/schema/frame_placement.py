"""Which frames of a clip are looked at, and how a frame becomes a square.

A placement says where in a clip a feature's steps stand. A step is a run of `span`
consecutive frames, one for a 2-D network, a chunk for a 3-D one.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Union

import numpy as np

from transform.common.config import BY_KIND, Config, Field

# Seconds: what rounding adds to time stamps, which are microseconds or coarser.
_NO_DISTANCE = 1e-6


class Sampling(Config):
    """The key frames of a clip, and the filter that every frame is resized with.

    `frames` key frames stand at the centres of as many equal segments of the clip;
    around each lie `window` consecutive frames, which optical flow is computed from.
    """

    frames: int = Field(20, ge=1)  # MGSA Sec. 4.2: N = 20
    window: int = Field(7, ge=1)  # 7 frames give M = 6 flow fields
    resize: Literal["area", "bilinear", "bicubic"] = "bilinear"

    def key_frames(self, frames: int) -> np.ndarray:
        """(N,) int64 indices among a clip's `frames`, distinct and ascending."""
        count = min(self.frames, frames)
        # The centre of segment n is (n + 1/2) · frames / count.
        return (2 * np.arange(count) + 1) * frames // (2 * count)


class KeyFrames(Config):
    """A step at each key frame; a run is centred there.

    Where it would reach beyond the clip, the first or last frame is repeated.
    """

    kind: Literal["key_frames"] = "key_frames"

    def units(self, sampling: Sampling, span: int) -> int:
        """How many runs there are at the most."""
        del span
        return sampling.frames

    def runs(
        self, seconds: np.ndarray, sampling: Sampling, span: int = 1, ahead: int = 0
    ) -> np.ndarray:
        """The frames of each run.

        Args:
            seconds: (F,) when each frame of the clip is shown.
            sampling: the key frames.
            span: frames of a run.
            ahead: further frames behind each run, which do not move it.

        Returns:
            (N, span + ahead) int64 indices among the clip's frames.
        """
        keys = sampling.key_frames(len(seconds))
        offsets = np.arange(span + ahead) - (span - 1) // 2
        return np.clip(keys[:, None] + offsets, 0, len(seconds) - 1)


class Every(Config):
    """A step every `frames` frames, from the clip's beginning: the first `max_steps`.

    A run begins with its step; a single frame is the step's middle one. What is left
    at the clip's end and no whole step is not looked at, unless the clip is shorter
    than one: then its last frame is repeated.

    Steps count the file's own frames, or with `fps` those of a regular clock
    (`on_clock`).
    """

    kind: Literal["every"] = "every"
    frames: int = Field(ge=1)
    max_steps: int = Field(ge=1)
    fps: float | None = Field(None, gt=0)

    def units(self, sampling: Sampling, span: int) -> int:
        """How many runs there are at the most."""
        del sampling, span
        return self.max_steps

    def runs(
        self, seconds: np.ndarray, sampling: Sampling, span: int = 1, ahead: int = 0
    ) -> np.ndarray:
        """The frames of each run; see `KeyFrames.runs`."""
        del sampling
        clock = on_clock(seconds, self.fps)  # (C,)
        whole = (len(clock) - max(span, self.frames)) // self.frames + 1
        starts = self.frames * np.arange(min(max(whole, 1), self.max_steps))
        if span == 1:
            starts += min(self.frames, len(clock)) // 2
        inside = np.minimum(starts[:, None] + np.arange(span + ahead), len(clock) - 1)
        return clock[inside]


class Whole(Config):
    """The clip at once, its first `max_frames` frames at the most.

    Single frames are a step each. A 3-D network sees all of them in one run, whose
    length is a multiple of the network's chunk: the last frame is repeated up to there.
    Each time step of its map is a step.
    """

    kind: Literal["whole"] = "whole"
    max_frames: int = Field(ge=1)
    fps: float | None = Field(None, gt=0)

    def units(self, sampling: Sampling, span: int) -> int:
        """How many times `span` frames there are at the most."""
        del sampling
        return math.ceil(self.max_frames / span)

    def runs(
        self, seconds: np.ndarray, sampling: Sampling, span: int = 1, ahead: int = 0
    ) -> np.ndarray:
        """The frames of the only run, (1, a multiple of span + ahead), or of each."""
        del sampling
        clock = on_clock(seconds, self.fps)[: self.max_frames]  # (C,)
        if span == 1:
            inside = np.arange(len(clock))[:, None] + np.arange(1 + ahead)
        else:
            inside = np.arange(math.ceil(len(clock) / span) * span + ahead)[None]
        return clock[np.minimum(inside, len(clock) - 1)]


Placement = Annotated[Union[KeyFrames, Every, Whole], BY_KIND]


def on_clock(seconds: np.ndarray, fps: float | None) -> np.ndarray:
    """The frame nearest to each tick of a clock that starts with the first frame.

    The clock ticks until a frame that would follow the clip's last one, at the mean
    distance, is nearer. Of two frames equally near, the earlier is taken.

    Args:
        seconds: (F,) when each frame is shown.
        fps: ticks a second; None for the frames as they are.

    Returns:
        (C,) int64 indices of frames, ascending; not empty.
    """
    count = len(seconds)
    if fps is None:
        return np.arange(count)
    shown = np.maximum.accumulate(seconds - seconds[0])  # damage may turn time back
    if count == 1:
        return np.zeros(1, np.int64)
    last = shown[-1] + shown[-1] / (count - 1) / 2
    ticks = np.arange(math.floor((last + _NO_DISTANCE) * fps) + 1) / fps
    after = np.searchsorted(shown, ticks).clip(1, count - 1)
    before_is_near = ticks - shown[after - 1] <= shown[after] - ticks + _NO_DISTANCE
    return np.where(before_is_near, after - 1, after)
