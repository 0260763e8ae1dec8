"""Frame placements: which frames of a clip a feature is computed from.

A placement says where in a clip a feature's steps are. A step is computed from a chunk
of `chunk_size` consecutive frames: one for a 2-D network, more for a 3-D one.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Union

import numpy as np

from transform.common.config import BY_KIND, Config, Field

# Seconds: the error of rounded timestamps, whose unit is a microsecond or more.
_ROUNDING = 1e-6


class FrameSampling(Config):
    """Chooses the key frames of a clip, and the filter that resizes every frame.

    `frames` key frames are the centres of as many equal segments of the clip. Optical
    flow is computed from the `window` consecutive frames around each of them.
    """

    frames: int = Field(20, ge=1)  # MGSA Sec. 4.2: N = 20
    window: int = Field(7, ge=1)  # 7 frames give M = 6 flow fields
    # filter that frames are resized with
    resize: Literal["area", "bilinear", "bicubic"] = "bilinear"

    def key_frames(self, frames: int) -> np.ndarray:
        """Returns (N,) int64 indices among `frames` frames, distinct and ascending."""
        count = min(self.frames, frames)
        # The centre of segment n is (n + 1/2) · frames / count.
        return (2 * np.arange(count) + 1) * frames // (2 * count)


class KeyFrames(Config):
    """Places a step at each key frame, with its chunk centred there.

    Where a chunk would reach beyond the clip, the first or last frame is repeated.
    """

    kind: Literal["key_frames"] = "key_frames"

    def num_chunks(self, sampling: FrameSampling, chunk_size: int) -> int:
        """Returns the largest number of chunks of a clip."""
        del chunk_size
        return sampling.frames

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns the frames of each chunk.

        Args:
            seconds: (F,) presentation times of the clip's frames.
            sampling: The key frames.
            chunk_size: Number of consecutive frames in a chunk.
            lookahead: Number of further frames after each chunk, which do not move it.

        Returns:
            (N, chunk_size + lookahead) int64 indices among the clip's frames.
        """
        keys = sampling.key_frames(len(seconds))
        offsets = np.arange(chunk_size + lookahead) - (chunk_size - 1) // 2
        return np.clip(keys[:, None] + offsets, 0, len(seconds) - 1)

    def step_seconds(
        self,
        edges: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        times: int = 1,
    ) -> np.ndarray:
        """Returns the part of the clip that each step stands for.

        That is the time of all frames to which the step's key frame is the nearest;
        together, the steps cover the clip.

        Args:
            edges: (F + 1,) seconds at which frames begin, as of `frame_edges`.
            sampling: The key frames.
            chunk_size: Number of consecutive frames in a chunk.
            times: Number of steps that share a chunk's time equally.

        Returns:
            (N · times, 2) float64 seconds: where each step begins and where it ends.
        """
        del chunk_size
        frames = len(edges) - 1
        keys = sampling.key_frames(frames)
        between = (keys[:-1] + keys[1:] + 1) // 2
        bounds = np.array([0, *between, frames])
        return _spans(edges, bounds[:-1], np.diff(bounds), times)


class Strided(Config):
    """Places a step every `frames` frames of a clip, `max_steps` of them at the most.

    A chunk begins where its step begins; a single frame is the step's middle one.
    Frames at the clip's end that fill no step are not used, unless the clip is shorter
    than one step: then its last frame is repeated.

    Steps count the file's own frames or, with `fps`, those of a regular clock
    (`on_clock`).
    """

    kind: Literal["every"] = "every"
    frames: int = Field(ge=1)  # frames from one step to the next
    max_steps: int = Field(ge=1)  # the most time steps that are stored
    # a clock of its own in place of the clip's frames
    fps: float | None = Field(None, gt=0)

    def num_chunks(self, sampling: FrameSampling, chunk_size: int) -> int:
        """Returns the largest number of chunks of a clip."""
        del sampling, chunk_size
        return self.max_steps

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns the frames of each chunk, as `KeyFrames.frame_indices` does."""
        del sampling
        clock = on_clock(seconds, self.fps)  # (C,)
        starts = self._starts(len(clock), chunk_size)
        if chunk_size == 1:
            starts += min(self.frames, len(clock)) // 2
        inside = np.minimum(
            starts[:, None] + np.arange(chunk_size + lookahead), len(clock) - 1
        )
        return clock[inside]

    def step_seconds(
        self,
        edges: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        times: int = 1,
    ) -> np.ndarray:
        """Returns the part of the clip of each step, as `KeyFrames.step_seconds` does.

        A step lasts until the next one begins, also where chunks overlap. What follows
        the last step belongs to none.
        """
        del sampling
        ticks = _clock_edges(edges, self.fps)  # (C + 1,)
        starts = self._starts(len(ticks) - 1, chunk_size)
        return _spans(ticks, starts, np.full_like(starts, self.frames), times)

    def _starts(self, ticks: int, chunk_size: int) -> np.ndarray:
        """Returns the tick (N,) at which each step of so many ticks begins."""
        whole = (ticks - max(chunk_size, self.frames)) // self.frames + 1
        return self.frames * np.arange(min(max(whole, 1), self.max_steps))


class WholeClip(Config):
    """Uses all frames of a clip, the first `max_frames` of them at the most.

    For a 2-D network each frame is a step. A 3-D network sees all frames at once,
    padded with the last frame to a multiple of the network's chunk; each time step of
    its map is a step.
    """

    kind: Literal["whole"] = "whole"
    max_frames: int = Field(ge=1)  # a longer clip is cut
    # a clock of its own in place of the clip's frames
    fps: float | None = Field(None, gt=0)

    def num_chunks(self, sampling: FrameSampling, chunk_size: int) -> int:
        """Returns the largest number of chunks that cover a clip."""
        del sampling
        return math.ceil(self.max_frames / chunk_size)

    def frame_indices(
        self,
        seconds: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        lookahead: int = 0,
    ) -> np.ndarray:
        """Returns the frames of each chunk of one frame, or of all chunks in one row.

        Returns:
            (N, 1 + lookahead) for a `chunk_size` of 1, else
            (1, m · chunk_size + lookahead) int64 indices.
        """
        del sampling
        clock = on_clock(seconds, self.fps)[: self.max_frames]  # (C,)
        if chunk_size == 1:
            inside = np.arange(len(clock))[:, None] + np.arange(1 + lookahead)
        else:
            inside = np.arange(
                math.ceil(len(clock) / chunk_size) * chunk_size + lookahead
            )[None]
        return clock[np.minimum(inside, len(clock) - 1)]

    def step_seconds(
        self,
        edges: np.ndarray,
        sampling: FrameSampling,
        chunk_size: int = 1,
        times: int = 1,
    ) -> np.ndarray:
        """Returns the part of the clip of each step, as `KeyFrames.step_seconds` does.

        The last ones end with the clip: a step of padding alone has no time.
        """
        del sampling
        ticks = _clock_edges(edges, self.fps)[: self.max_frames + 1]  # (C + 1,)
        starts = np.arange(0, len(ticks) - 1, chunk_size)
        return _spans(ticks, starts, np.full_like(starts, chunk_size), times)


Placement = Annotated[Union[KeyFrames, Strided, WholeClip], BY_KIND]


def on_clock(seconds: np.ndarray, fps: float | None) -> np.ndarray:
    """Returns the frame nearest to each tick of a clock that starts with the clip.

    The clock ticks until a frame that would follow the clip's last one, at the mean
    distance, is nearer. Of two frames equally near, the earlier is taken.

    Args:
        seconds: (F,) presentation times of the frames.
        fps: Ticks a second; None for the frames as they are.

    Returns:
        (C,) int64 indices of frames, ascending; not empty.
    """
    count = len(seconds)
    if fps is None:
        return np.arange(count)
    times = np.maximum.accumulate(seconds - seconds[0])  # damage may turn time back
    if count == 1:
        return np.zeros(1, np.int64)
    last = times[-1] + times[-1] / (count - 1) / 2
    ticks = np.arange(math.floor((last + _ROUNDING) * fps) + 1) / fps
    after = np.searchsorted(times, ticks).clip(1, count - 1)
    earlier_is_nearer = ticks - times[after - 1] <= times[after] - ticks + _ROUNDING
    return np.where(earlier_is_nearer, after - 1, after)


def frame_edges(seconds: np.ndarray) -> np.ndarray:
    """Returns when frames begin, counted from the first, and when the last one ends.

    A frame is shown until the next one begins; the last one, for as long as the mean of
    the others, and a single one for 1/25 s.

    Args:
        seconds: (F,) presentation times of the frames.

    Returns:
        (F + 1,) float64 seconds, ascending from 0.
    """
    begins = np.maximum.accumulate(seconds - seconds[0])  # damage may turn time back
    gap = begins[-1] / (len(begins) - 1) if len(begins) > 1 else 1 / 25
    return np.append(begins, begins[-1] + gap)


def _clock_edges(edges: np.ndarray, fps: float | None) -> np.ndarray:
    """Returns the (C + 1,) seconds between which the ticks of `on_clock` stand."""
    if fps is None:
        return edges
    ticks = len(on_clock(edges[:-1], fps))
    return np.minimum(np.arange(ticks + 1) / fps, edges[-1])


def _spans(
    edges: np.ndarray, starts: np.ndarray, lengths: np.ndarray, times: int
) -> np.ndarray:
    """Returns the seconds of chunks, each divided into equal steps.

    Args:
        edges: (C + 1,) seconds between which the clip's frames or ticks stand.
        starts: (N,) where each chunk begins among them.
        lengths: (N,) frames of each; what is beyond the clip is cut off.
        times: Steps of a chunk.

    Returns:
        (N · times, 2) float64 seconds.
    """
    shares = np.arange(times + 1) / times
    bounds = starts[:, None] + lengths[:, None] * shares  # (N, times + 1)
    seconds = np.interp(bounds, np.arange(len(edges)), edges)
    return np.stack([seconds[:, :-1], seconds[:, 1:]], axis=2).reshape(-1, 2)
