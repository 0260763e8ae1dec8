"""Presentation times of a video stream's frames, found by demuxing alone."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np

from transform.video.decoder import (
    Leaps,
    StreamDecoder,
    offset_at,
    stamp_of,
)
from transform.video.video_info import SEEKABLE_CONTAINERS, DecodeError

# Files that are cut and joined as they come; FFmpeg's tool looks for leaps in them too.
_JOINABLE = frozenset({"mpegts", "mpeg"})
_LEAP_BACK, _LEAP_AHEAD = 0.25, 10.0  # seconds between two packets that are no gap

# Decoding this many frames costs more than a seek and a decoder's restart.
_SEEK_THRESHOLD = 64


class Timeline(NamedTuple):
    """A video stream's packets up to the clip's end."""

    stamps: np.ndarray  # (P,) int64, sorted
    key_stamps: np.ndarray  # int64, sorted: where decoding can begin
    first: int  # rank of the clip's first frame
    timestamps: np.ndarray  # (F,) float64 seconds of the clip's frames, by packets
    missing: int  # frames that the file announces and does not hold
    fps: float
    seconds: float
    seekable: bool
    leaps: Leaps = ()  # what joins the parts of a file whose stamps begin anew

    @property
    def frames(self) -> int:
        """Number of packets in the clip."""
        return len(self.timestamps)

    def stamp(self, index: int) -> int:
        """Returns the presentation stamp of the clip's frame `index`."""
        return int(self.stamps[self.first + index])

    def seeks(self, wanted: np.ndarray) -> dict[int, int]:
        """Plans the seeks that save decoding long stretches without wanted frames.

        Args:
            wanted: (W,) int64 indices of frames, ascending.

        Returns:
            For each wanted frame that a seek comes before, the stamp to seek to.
        """
        if not (self.seekable and self.key_stamps.size):
            return {}
        ranks = self.first + wanted  # (W,) in the file
        before = np.searchsorted(self.key_stamps, self.stamps[ranks], "right") - 1
        keys = self.key_stamps[np.maximum(before, 0)]
        reached = np.concatenate([[0], ranks[:-1]])
        far = np.searchsorted(self.stamps, keys) - reached > _SEEK_THRESHOLD
        far &= before >= 0
        return dict(zip(wanted[far].tolist(), keys[far].tolist(), strict=True))


class StreamIndex(NamedTuple):
    """What demuxing tells of a video stream, from which clips are cut."""

    stamps: np.ndarray  # (P,) int64 of the packets that are shown, sorted
    seconds: np.ndarray  # (P,) float64 from the stream's beginning
    key_stamps: np.ndarray  # int64, sorted
    time_base: Fraction
    rate: Fraction | None  # frames a second, as the file has it
    held: float  # seconds that packets of any stream reach
    declared: float  # seconds that the file announces
    announced: int  # frames that the file announces and does not hold
    counted: bool  # whether it announces frames at all
    seekable: bool
    leaps: Leaps
    offset: float  # seconds from the file's beginning to the stream's

    def cut(
        self, path: str | os.PathLike, start: float | None, end: float | None
    ) -> Timeline:
        """Returns the timeline of the clip between two moments.

        Raises:
            DecodeError: No frame lies there.
        """
        first = int(np.searchsorted(self.seconds, start or -math.inf))
        last = int(np.searchsorted(self.seconds, math.inf if end is None else end))
        frames = last - first
        if frames <= 0:
            raise DecodeError(path, self._nothing_between(start, end))
        # Without its last frame:
        lasts = float(int(self.stamps[last - 1] - self.stamps[first]) * self.time_base)
        gap = _mean_gap(lasts, frames, self.rate)
        absent = min(self.declared, math.inf if end is None else end) - self.held
        missing = 0
        if gap and absent > max(0.5, 2 * gap, 0.02 * self.declared):
            # Where the file announces its frames, their number is the firmer answer.
            missing = self.announced if self.counted else round(absent / gap)
        return Timeline(
            stamps=self.stamps,
            key_stamps=self.key_stamps,
            first=first,
            timestamps=self.seconds[first:last],
            missing=missing,
            fps=1 / gap if gap else 0.0,
            seconds=lasts + gap,
            seekable=self.seekable,
            leaps=self.leaps,
        )

    def _nothing_between(self, start: float | None, end: float | None) -> str:
        if not self.seconds.size:
            return "its video stream holds no frames"
        bounds = f"from {start or 0:g} s" + ("" if end is None else f" to {end:g} s")
        last = self.seconds[-1]
        return f"no frame lies in the clip {bounds}; the last is at {last:.2f} s"


def scan(path: str | os.PathLike, start: float | None, end: float | None) -> Timeline:
    """Demuxes a file's video stream and returns the timeline of a clip in it.

    Args:
        path: a local file.
        start: where the clip begins in the file, in seconds.
        end: where it ends (exclusive), in seconds.

    Raises:
        DecodeError: the file cannot be opened, or no frame lies in the clip.
    """
    if end is not None and end <= (start or 0.0):
        raise DecodeError(path, f"the clip ends at {end:g} s, before it begins")
    index = _kept.get(os.fspath(path)) or demux(path, end)
    return index.cut(path, start, end)


@contextlib.contextmanager
def kept(path: str | os.PathLike) -> Iterator[StreamIndex]:
    """Yields a file's index; clips of it are scanned without demuxing it meanwhile.

    For files of many clips, each of which would read the file up to its end.

    Raises:
        DecodeError: the file cannot be opened.
    """
    index = _kept[os.fspath(path)] = demux(path)
    try:
        yield index
    finally:
        _kept.pop(os.fspath(path), None)


_kept: dict[str, StreamIndex] = {}


def demux(path: str | os.PathLike, end: float | None = None) -> StreamIndex:
    """Demuxes a file's video stream, up to a moment where one is given.

    Raises:
        DecodeError: the file cannot be opened.
    """
    with StreamDecoder(path) as decoder:
        return _demux(decoder, end)


def _demux(decoder: StreamDecoder, end: float | None) -> StreamIndex:
    stream, container = decoder.stream, decoder.container
    hides_frames = stream.codec_context.codec.canonical_name == "vp8"
    names = set(container.format.name.split(","))
    fields = _FieldPairs(stream, bool(names & _JOINABLE))
    found: list[_Packet] = []
    packets = 0
    held = 0.0  # seconds, of any stream
    origin = (container.start_time or 0) / av.time_base
    for packet in decoder.packets(*container.streams, end=end):
        stamp = stamp_of(packet)
        if stamp is not None and packet.time_base:
            shown = float((stamp + (packet.duration or 0)) * packet.time_base)
            held = max(held, shown - origin)
        if packet.stream_index != stream.index:
            continue
        packets += 1
        if packet.is_discard:
            continue
        if hides_frames and not bytes(packet)[0] & 0x10:
            continue  # an alternate reference frame of VP8, never shown
        if fields.is_second(packet):  # of a picture that has been counted
            both = found[-1].duration + (packet.duration or 0)
            found[-1] = found[-1]._replace(duration=both)
            continue
        if stamp is None:
            stamp = found[-1].stamp + 1 if found else decoder.zero
        found.append(
            _Packet(
                packets - 1,
                stamp,
                packet.dts,
                packet.duration or 0,
                packet.is_keyframe,
                packet.pts is not None,
            )
        )
    leaps = _leaps(found, decoder.time_base, bool(names & _JOINABLE))
    stamps = [packet.stamp + offset_at(leaps, packet.number) for packet in found]
    key_stamps = [
        stamp for stamp, packet in zip(stamps, found, strict=True) if packet.is_key
    ]
    # Matroska says when the file ends, not how long it takes from its first stamp on.
    begin = origin if "matroska" in names else 0.0
    complete = all(packet.has_pts for packet in found)
    times = np.sort(np.array(stamps, np.int64))
    return StreamIndex(
        stamps=times,
        seconds=np.array([decoder.seconds(int(stamp)) for stamp in times]),
        key_stamps=np.sort(np.array(key_stamps, np.int64)),
        time_base=decoder.time_base,
        rate=stream.average_rate or stream.guessed_rate,
        held=held,
        declared=(container.duration or 0) / av.time_base - begin,
        announced=max(0, stream.frames - packets),
        counted=bool(stream.frames),
        seekable=bool(
            names & SEEKABLE_CONTAINERS
            and complete
            and len(np.unique(times)) == len(times)
            and not leaps
        ),
        leaps=leaps,
        offset=float(decoder.zero * decoder.time_base) - origin,
    )


class _Packet(NamedTuple):
    """What is kept of a packet with a picture."""

    number: int  # among the stream's packets
    stamp: int  # when it is shown
    dts: int | None
    duration: int
    is_key: bool
    has_pts: bool


class _FieldPairs:
    """Tells the second fields of pictures whose two fields are packets of their own.

    H.264 of camcorders and broadcasts is so coded, picture by picture. In MPEG's
    streams the packet of a field lasts half as long as a frame does, and follows its
    first one by as much; in other containers two fields share a packet.
    """

    def __init__(self, stream: Any, may_be: bool):
        rate = stream.average_rate or stream.guessed_rate
        is_h264 = stream.codec_context.codec.canonical_name == "h264"
        self._limit = 0.0  # of a field's duration
        if may_be and is_h264 and rate:
            self._limit = 0.6 / float(rate * stream.time_base)
        self._first: Any = None  # the packet of a first field

    def is_second(self, packet: Any) -> bool:
        """Returns whether a packet completes the picture of the one before."""
        first, self._first = self._first, None
        if not 0 < (packet.duration or 0) <= self._limit:
            return False
        if first is not None:
            stamp, before = stamp_of(packet), stamp_of(first)
            if stamp is None or before is None or 0 <= stamp - before <= self._limit:
                return True
        self._first = packet
        return False


def _leaps(packets: list[_Packet], time_base: Fraction, may_gap: bool) -> Leaps:
    """Finds where stamps begin anew, and what then joins the parts to one.

    A single packet beside the others has a damaged stamp, and is no part.
    """
    known = [packet for packet in packets if packet.dts is not None]
    back = -_LEAP_BACK / time_base
    ahead = _LEAP_AHEAD / time_base if may_gap else math.inf

    def leap(before: _Packet, after: _Packet) -> bool:
        assert before.dts is not None and after.dts is not None
        return not back < after.dts - before.dts < ahead

    alone = {
        packet.number
        for before, packet, after in zip(known, known[1:], known[2:], strict=False)
        if (leap(before, packet) or leap(packet, after)) and not leap(before, after)
    }
    parts: list[list[_Packet]] = []
    for packet in known:
        if packet.number in alone:
            continue
        if not parts or leap(parts[-1][-1], packet):
            parts.append([])
        parts[-1].append(packet)
    leaps: list[tuple[int, int]] = []
    end: int | None = None  # the stamp at which a part ends
    for part in parts:
        shown = min(packet.stamp for packet in part)
        offset = 0 if end is None else end - shown
        if end is not None and offset != (leaps[-1][1] if leaps else 0):
            leaps.append((part[0].number, offset))
        end = offset + max(packet.stamp + packet.duration for packet in part)
    return tuple(leaps)


def _mean_gap(lasts: float, frames: int, rate: Fraction | None) -> float:
    """Returns the mean seconds between frames: the container's, unless it is off."""
    declared = 1 / float(rate) if rate else 0.0
    measured = lasts / (frames - 1) if frames > 1 else 0.0
    if declared and (not measured or abs(measured / declared - 1) < 0.05):
        return declared
    return measured
