"""Cuts a long video into segments: at changes of scene, or by length."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from av.video.reformatter import VideoReformatter

from transform.video.decoder import StreamDecoder
from transform.video.timeline import StreamIndex
from transform.video.video_info import DecodeError

_WIDTH = 128  # pixels that scenes are told apart by
_SHORTEST = 1.0  # seconds of a scene; PySceneDetect's own bound is in frames


class Segment(NamedTuple):
    """Part of a video, in seconds from the beginning of its video stream."""

    start: float
    end: float  # exclusive


def by_length(index: StreamIndex, seconds: float) -> list[Segment]:
    """Cuts a video every so many seconds; a rest of less than half joins the last.

    Args:
        index: The video's.
        seconds: The length of a segment; infinite for one segment.
    """
    length = length_of(index)
    count = max(1, math.floor(length / seconds + 0.5))
    return _between([0.0, *(number * seconds for number in range(1, count))], length)


def by_scenes(path: str | os.PathLike, index: StreamIndex) -> list[Segment]:
    """Cuts a video where its picture changes at once, as PySceneDetect tells.

    Every frame is decoded, and compared with those around it at a small size.

    Raises:
        DecodeError: Nothing can be decoded.
    """
    finder = SceneFinder(index)
    moments: list[float] = []
    cuts: list[int] = []
    with StreamDecoder(path, leaps=index.leaps) as decoder:
        for frame in decoder.frames():
            moments.append(decoder.seconds_of(frame))
            cuts += finder.add(frame)
    if not moments:
        raise DecodeError(path, "no frame could be decoded")
    begins = sorted({moments[number] for number in cuts if 0 < moments[number]})
    return _between([0.0, *begins], length_of(index))


class SceneFinder:
    """Finds where a video's picture changes at once, frame after frame.

    Args:
        index: The video's, for the rate of its frames.
    """

    def __init__(self, index: StreamIndex):
        from scenedetect import AdaptiveDetector  # half a second, for those who need it

        length = length_of(index)
        rate = len(index.seconds) / length if length else 1.0
        shortest = max(1, round(_SHORTEST * rate))
        self._detector = AdaptiveDetector(min_scene_len=shortest)
        self._reformatter = VideoReformatter()
        self._frames = 0

    def add(self, frame: Any) -> list[int]:
        """Takes the next frame; returns which ones are now known to begin a scene."""
        height = max(2, round(frame.height * _WIDTH / frame.width))
        small = self._reformatter.reformat(frame, _WIDTH, height, "bgr24")
        self._frames += 1
        return self._detector.process_frame(self._frames - 1, small.to_ndarray())


def clipped(
    found: Iterable[Segment], start: float | None, end: float | None
) -> list[Segment]:
    """Returns what of some segments lies between two moments."""
    begin, stop = start or 0.0, math.inf if end is None else end
    return [
        Segment(max(each.start, begin), min(each.end, stop))
        for each in found
        if each.end > begin and each.start < stop
    ]


def length_of(index: StreamIndex) -> float:
    """Returns when the last frame is over, in seconds."""
    if not index.seconds.size:
        return 0.0
    gap = 1 / float(index.rate) if index.rate else 1e-3
    return float(index.seconds[-1]) + gap


def _between(cuts: list[float], length: float) -> list[Segment]:
    ends = [*cuts[1:], length]
    return [
        Segment(start, end)
        for start, end in zip(cuts, ends, strict=True)
        if end > start
    ]
