"""Reads the segments of a long video one after another, decoding it once.

Each segment's frames are what `reader.read_frames` gives for its seconds. Where that
cannot be promised, because decoding met damage there, the segment comes without frames
and is to be read by itself.
"""

from __future__ import annotations

import collections
import math
import os
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from transform.schema.frame_placement import FrameSampling
from transform.video import segments
from transform.video.decoder import StreamDecoder
from transform.video.frame_requests import (
    ConvertedFrame,
    FrameCollector,
    FrameConverter,
    FramePlan,
    FrameRequest,
)
from transform.video.reader import ClipFrames, info_of
from transform.video.segments import Segment
from transform.video.timeline import StreamIndex
from transform.video.video_info import DecodeError

# Of the frames of a scene whose end is not known yet: more are kept as requests need
# them, which takes less room; of scenes for which that is too little, none.
_HELD_BYTES = 256 * 2**20
_CONVERTED_BYTES = 512 * 2**20


class Wanted(NamedTuple):
    """What is wanted of a video's segments."""

    sampling: FrameSampling
    requests: Collection[FrameRequest]
    start: float | None = None  # seconds before which nothing is read
    end: float | None = None  # seconds from which on nothing is read


class ReadSegment(NamedTuple):
    """A segment, and its frames."""

    segment: Segment
    frames: ClipFrames | None  # None: to be read by itself


def by_length(
    path: str | os.PathLike, index: StreamIndex, seconds: float, wanted: Wanted
) -> Iterator[ReadSegment]:
    """Reads a video cut every so many seconds, as `segments.by_length` cuts it.

    Segments so long that seeking between their key frames is faster are not decoded
    here, but come without frames.

    Args:
        path: The file.
        index: Its own.
        seconds: The length of a segment.
        wanted: Of each.

    Raises:
        DecodeError: The file cannot be opened.
    """
    cut = segments.clipped(segments.by_length(index, seconds), wanted.start, wanted.end)
    if not cut or _is_sparse(path, index, cut[0], wanted):
        yield from (ReadSegment(segment, None) for segment in cut)
        return
    with StreamDecoder(path, leaps=index.leaps) as decoder:
        source = _Source(path, index, decoder, wanted)
        waiting = collections.deque(cut)
        reading = source.reading(waiting.popleft())
        for frame, shown in source.frames():
            while shown >= reading.segment.end and waiting:
                yield reading.result()
                reading = source.reading(waiting.popleft())
            reading.add(frame, shown)
        yield reading.result()
        yield from (ReadSegment(segment, None) for segment in waiting)


def by_scenes(
    path: str | os.PathLike,
    index: StreamIndex,
    wanted: Wanted,
    longest: float = math.inf,
) -> Iterator[ReadSegment]:
    """Reads a video cut where its picture changes, as `segments.by_scenes` tells.

    Args:
        path: The file.
        index: Its own.
        wanted: Of each scene.
        longest: Seconds after which a scene is cut, whether it goes on or not.

    Raises:
        DecodeError: The file cannot be opened.
    """
    with StreamDecoder(path, leaps=index.leaps) as decoder:
        source = _Source(path, index, decoder, wanted)
        finder = segments.SceneFinder(index)
        scene = _Scene(source)
        begin = wanted.start or 0.0
        for number, (frame, shown) in enumerate(source.frames()):
            scene.add(number, frame, shown)
            for cut in finder.add(frame):
                if cut > scene.first:
                    begin = scene.seconds_of(cut)
                    yield scene.until(cut, begin)
            while shown - begin >= longest:
                cut = scene.number_at(begin + longest)
                begin = scene.seconds_of(cut)
                yield scene.until(cut, begin)
        if scene.first >= 0:
            stop = segments.length_of(index)
            yield scene.rest(min(stop, wanted.end or math.inf))


def _is_sparse(
    path: str | os.PathLike, index: StreamIndex, segment: Segment, wanted: Wanted
) -> bool:
    """Returns whether seeking from key frame to key frame is faster than decoding."""
    try:
        timeline = index.cut(path, segment.start, segment.end)
    except DecodeError:
        return False
    plan = FramePlan.of(timeline.timestamps, wanted.sampling, wanted.requests)
    return bool(timeline.seeks(plan.wanted).keys() - {int(plan.wanted[0])})


class _Source:
    """A video that is being decoded, and what is wanted of its segments."""

    def __init__(
        self,
        path: str | os.PathLike,
        index: StreamIndex,
        decoder: StreamDecoder,
        wanted: Wanted,
    ):
        self.path, self.index, self.decoder = path, index, decoder
        self.wanted = wanted
        self.converter = FrameConverter(path, wanted.sampling, decoder.pixel_aspect)
        # Packets are judged before their frames come out, so that damage met while one
        # segment is read may lie in the next.
        self._damage_before = 0
        self._damage = 0

    def frames(self) -> Iterator[tuple[Any, float]]:
        """Yields the frames that are wanted, and when they are shown."""
        start, end = self.wanted.start, self.wanted.end
        if start:
            self.decoder.seek_seconds(start)
        for frame in self.decoder.frames_between(start, end):
            yield frame, self.decoder.seconds_of(frame)

    def reading(self, segment: Segment) -> _Reading:
        """Returns what gathers a segment's frames."""
        return _Reading(self, segment)

    def is_whole(self) -> bool:
        """Returns whether neither this segment nor the one before met damage."""
        met = self.decoder.damaged + self.decoder.concealed
        whole = met == self._damage_before
        self._damage_before, self._damage = self._damage, met
        return whole


class _Reading:
    """A segment whose frames are being gathered."""

    def __init__(self, source: _Source, segment: Segment):
        self.segment = segment
        self._source = source
        self._count = 0
        wanted = source.wanted
        try:
            cut = source.index.cut(source.path, segment.start, segment.end)
        except DecodeError:
            self._timeline = None  # which reading it by itself tells
            return
        self._timeline = cut
        self._collector = FrameCollector(
            source.path,
            FramePlan.of(cut.timestamps, wanted.sampling, wanted.requests),
            wanted.sampling,
            source.decoder.pixel_aspect,
        )

    def add(self, frame: Any, seconds: float) -> None:
        """Takes the next frame."""
        if self._timeline is not None:
            self._collector.add(self._count, frame, seconds)
            self._count += 1

    def result(self) -> ReadSegment:
        """Returns the segment, with its frames if they are those that should be."""
        timeline = self._timeline
        whole = self._source.is_whole()
        if timeline is None or self._count != timeline.frames or not whole:
            return ReadSegment(self.segment, None)
        info = info_of(
            self._source.decoder,
            timeline,
            self._count,
            self._source.wanted.sampling.frames,
            is_whole=True,
        )
        collector = self._collector
        frames = ClipFrames(
            info, collector.frame_sets, collector.key_seconds, timeline.timestamps
        )
        return ReadSegment(self.segment, frames)


class _Scene:
    """The frames of a scene whose end is not known yet."""

    def __init__(self, source: _Source):
        self._source = source
        self._begin = source.wanted.start or 0.0
        # (number, frame, seconds) of each; the first `_converted` are converted.
        self._held: collections.deque[tuple[int, Any, float]] = collections.deque()
        self._converted = 0
        self._bytes = [0, 0]  # of frames as they were decoded, and of converted ones

    @property
    def first(self) -> int:
        """The number of the first frame; −1 before there is any."""
        return self._held[0][0] if self._held else -1

    def add(self, number: int, frame: Any, seconds: float) -> None:
        """Takes the next frame."""
        if self._held and self._held[0][1] is None:  # it is lost already
            self._held.append((number, None, seconds))
            return
        self._held.append((number, frame, seconds))
        self._count(frame, 1)
        while self._bytes[0] > _HELD_BYTES and self._converted < len(self._held):
            place, oldest, shown = self._held[self._converted]
            small = self._source.converter.converted(
                oldest, self._source.wanted.requests
            )
            self._held[self._converted] = place, small, shown
            self._converted += 1
            self._count(oldest, -1)
            self._count(small, 1)
        if self._bytes[1] > _CONVERTED_BYTES:
            self._held = collections.deque((n, None, at) for n, _, at in self._held)
            self._bytes, self._converted = [0, 0], 0

    def _count(self, frame: Any, times: int) -> None:
        if isinstance(frame, ConvertedFrame):
            size = sum(picture.nbytes for picture in frame.pictures.values())
            self._bytes[1] += times * size
        elif frame is not None:
            self._bytes[0] += times * sum(p.buffer_size for p in frame.planes)

    def seconds_of(self, number: int) -> float:
        """Returns when a frame is shown."""
        return self._held[number - self.first][2]

    def number_at(self, seconds: float) -> int:
        """Returns the first frame that is shown at a moment or later."""
        return next(number for number, _, shown in self._held if shown >= seconds)

    def until(self, number: int, end: float) -> ReadSegment:
        """Returns the scene that ends before a frame; the rest is the next one."""
        reading = self._source.reading(Segment(self._begin, end))
        while self._held and self.first < number:
            _, frame, seconds = self._held.popleft()
            self._count(frame, -1)
            self._converted = max(0, self._converted - 1)
            if frame is not None:
                reading.add(frame, seconds)
        self._begin = end
        return reading.result()

    def rest(self, end: float) -> ReadSegment:
        """Returns the last scene."""
        return self.until(self._held[-1][0] + 1, end)
