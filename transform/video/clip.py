"""`Clip`: the frames and sound of a video that extractors of features use."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from transform.audio import log_mel
from transform.video import reader
from transform.video.frame_requests import FrameRequest, FrameSet
from transform.video.reader import ClipFrames
from transform.video.video_info import DecodeError, VideoInfo

T = TypeVar("T")


class Clip:
    """A local file, or part of it, whose requested frames are decoded.

    The sound track is decoded when a feature first asks for it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        frames: ClipFrames,
        start: float | None = None,
        end: float | None = None,
    ):
        self._path, self._start, self._end = path, start, end
        self._frames = frames
        self._remarks = [frames.info.reason]
        self._made: dict[Hashable, Any] = {}
        self.boxes: dict[str, np.ndarray] = {}  # of the regions found, by feature

    @property
    def info(self) -> VideoInfo:
        """The decoder's findings, with the remarks that were added since."""
        reason = "; ".join(filter(None, self._remarks))
        return self._frames.info._replace(reason=reason)

    def frame_set(self, request: FrameRequest) -> FrameSet:
        """Returns the frames of one of the requests that the clip was decoded for."""
        return self._frames.frame_sets[request]

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns the result of `make`, called for the first use of `key` only.

        It is kept as long as the clip.
        """
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @functools.cached_property
    def samples(self) -> np.ndarray:
        """Mono sound, (n,) float32 in [−1, 1] at `audio.RATE`; empty without sound.

        A sound track that cannot be decoded is left out and remarked on: a clip without
        sound is still a clip.
        """
        if not self._frames.info.audio:
            return np.zeros(0, np.float32)
        try:
            return reader.read_audio(
                self._path, rate=log_mel.RATE, start=self._start, end=self._end
            )
        except DecodeError as error:
            self._remarks.append(f"sound left out: {error.reason}")
            return np.zeros(0, np.float32)
