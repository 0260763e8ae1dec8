"""A packet loop of our own around PyAV: one stream of a media file, decoded.

OpenCV and a plain `container.decode()` end at the first bad packet and say nothing, so
that a damaged clip becomes a shorter one. Here each packet fails alone and is counted.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pathlib
import stat
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import av
import numpy as np

from transform.common import failures
from transform.video.video_info import (
    CONTAINERS,
    MAX_PIXELS,
    SEEKABLE_CONTAINERS,
    DecodeError,
)

_MAX_PACKETS = 5_000_000  # two days at 30 frames a second
_MAX_UNREADABLE = 1000  # failed reads of the container before it counts as ended
_MOST_REORDERED = 17  # packets in which the first frame that is shown has to be
_MAX_ASPECT = 8  # more is a damaged header

# (index of a packet, what is added to stamps from it on), ascending.
Leaps = Sequence[tuple[int, int]]


class StreamDecoder:
    """An open file and its best stream of one kind; damage is counted, not raised.

    Args:
        path: The file.
        kind: What the stream holds.
        leaps: Where its stamps begin anew, as a `Timeline` knows; they go on here.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        kind: Literal["video", "audio"] = "video",
        leaps: Leaps = (),
    ) -> None:
        self.path = os.fspath(path)
        self._leaps = leaps
        self._read = 0  # packets of the stream
        self.damaged = 0  # packets
        self.concealed = 0  # frames with parts that the decoder made up
        self._bytes, self.container = _open(path)
        self.stream: Any = self.container.streams.best(kind)
        self.first_frame: Any = None
        self._resampler: tuple[tuple, Any] = ((), None)
        if kind == "video":
            self._check_video()
        elif self.stream is not None and self.stream.codec_context is None:
            self.stream = None  # sound without a decoder is no sound
        if self.stream is not None:
            context = self.stream.codec_context
            # Frame threads would lose a varying number of frames around damage.
            context.thread_count = 1
            if kind == "video":
                context.options = {"max_pixels": str(MAX_PIXELS)}
            self.time_base = self.stream.time_base
            self.zero = self._first_stamp()

    def __enter__(self) -> StreamDecoder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

    def _first_stamp(self) -> int:
        """Returns when the stream begins; FFmpeg does not know of few frames."""
        if self.stream.start_time is not None:
            return self.stream.start_time
        stamps = []
        with contextlib.suppress(av.error.FFmpegError), _open(self.path)[1] as again:
            packets = again.demux(again.streams[self.stream.index])
            for packet in itertools.islice(packets, _MOST_REORDERED):
                if packet.size and packet.pts is not None:
                    stamps.append(packet.pts)
        return min(stamps, default=0)

    def _check_video(self) -> None:
        reason = ""
        if self.stream is None or (
            self.stream.disposition & av.stream.Disposition.attached_pic
        ):
            reason = "it has no video stream"
        elif self.stream.codec_context is None:
            reason = "no decoder for its video is installed"
        else:
            width = self.stream.codec_context.width
            height = self.stream.codec_context.height
            if width * height > MAX_PIXELS:
                reason = f"frames of {width} × {height} pixels are too large to decode"
        if reason:
            self.container.close()
            raise DecodeError(self.path, reason)

    def packets(self, *streams: Any, end: float | None = None) -> Iterator[av.Packet]:
        """Yields packets with data, up to one of our stream decoded at `end` or later.

        Ends whatever the file says: after too many failed reads, and when more bytes
        came out than any honest index could point to.
        """
        budget = 4 * self._bytes + (1 << 20)
        for _ in range(_MAX_UNREADABLE):
            try:
                packets = self.container.demux(*streams)
                for packet in itertools.islice(packets, _MAX_PACKETS):
                    budget -= packet.size + 16
                    if budget < 0:
                        return
                    if not packet.size:
                        continue  # an empty packet would flush the decoder
                    if packet.stream_index == self.stream.index:
                        self._join(packet)
                    if (
                        end is not None
                        and packet.stream_index == self.stream.index
                        and packet.dts is not None
                        and self.seconds(packet.dts) >= end
                    ):
                        return  # presentation never comes before decoding
                    yield packet
                return
            except av.error.FFmpegError:
                self.damaged += 1
            except IndexError:  # PyAV, where a stream appeared on the way: all is read
                return

    def _join(self, packet: av.Packet) -> None:
        """Moves a packet's stamps to where the part before it ended."""
        if offset := offset_at(self._leaps, self._read):
            if packet.pts is not None:
                packet.pts += offset
            if packet.dts is not None:
                packet.dts += offset
        self._read += 1

    def _at_join(self) -> bool:
        """Returns whether the last packet stands where two parts are joined.

        The stream's counters do not fit there, and FFmpeg marks a packet as damaged:
        the one that its parser is at, up to two before. Of fields, two share a stamp.
        """
        return any(-4 <= self._read - 1 - first <= 0 for first, _ in self._leaps)

    def frames(
        self, start: float | None = None, end: float | None = None
    ) -> Iterator[Any]:
        """Yields every frame that decodes, in the order of presentation.

        Damage counts from `start` on; what lies at `end` or later is not decoded.
        """
        for packet in self.packets(self.stream, end=end):
            damaged = packet.is_corrupt and not self._at_join()
            frames = []
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged = True
            stamp = stamp_of(packet)
            if damaged and (stamp is None or within(self.seconds(stamp), start, end)):
                self.damaged += 1
            yield from self._counted(frames, start, end)
        try:
            frames = self.stream.decode(None)
        except av.error.FFmpegError:
            return
        yield from self._counted(frames, start, end)

    def _counted(self, frames: list, start: float | None, end: float | None) -> list:
        if self.first_frame is None and frames:
            self.first_frame = frames[0]
        self.concealed += sum(
            frame.is_corrupt and within(self.seconds_of(frame), start, end)
            for frame in frames
        )
        return frames

    def frames_between(self, start: float | None, end: float | None) -> Iterator[Any]:
        """Yields the frames shown at `start` or later and before `end`."""
        for frame in self.frames(start, end):
            if within(self.seconds_of(frame), start, end):
                yield frame

    def seek_seconds(self, seconds: float) -> None:
        """Moves to shortly before a moment, or stays where that is not possible.

        It is not in streams without an index, whose stamps may begin anew.
        """
        if not SEEKABLE_CONTAINERS.intersection(self.container.format.name.split(",")):
            return
        stamp = self.zero + math.floor(seconds / self.time_base)
        try:
            self.container.seek(stamp, stream=self.stream)
        except av.error.FFmpegError:
            self.damaged += 1

    def resample(self, frame: Any, rate: int) -> Iterator[np.ndarray]:
        """Resamples an audio frame to mono float32; None drains the resampler."""
        previous, resampler = self._resampler
        if frame is not None:
            layout = (frame.format.name, frame.layout.name, frame.sample_rate)
            if layout != previous:  # a track may change its layout on the way
                resampler = av.AudioResampler("flt", "mono", rate)
                self._resampler = (layout, resampler)
            frame.pts = None  # the gaps that damage leaves are closed
        if resampler is None:
            return
        try:
            resampled = resampler.resample(frame)
        except (av.error.FFmpegError, ValueError):
            self.damaged += 1
            return
        for part in resampled:
            yield part.to_ndarray().reshape(-1)

    def seconds(self, stamp: int) -> float:
        """Converts a stamp to seconds from the stream's beginning."""
        return float((stamp - self.zero) * self.time_base)

    @property
    def pixel_aspect(self) -> float:
        """The width of a pixel over its height, as players show the frames."""
        aspect = self.stream.sample_aspect_ratio
        if not aspect or not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
            return 1.0
        return float(aspect)

    def seconds_of(self, frame: Any) -> float:
        """Returns when a frame is shown; at once, if it has no stamp."""
        stamp = stamp_of(frame)
        return self.seconds(self.zero if stamp is None else stamp)


def _open(path: str | os.PathLike) -> tuple[int, Any]:
    """Opens a local media file and returns its bytes and the container."""
    file = pathlib.Path(path)
    try:
        status = file.stat()
    except FileNotFoundError:
        raise DecodeError(path, "there is no such file") from None
    except (OSError, ValueError) as error:
        raise DecodeError(
            path, f"the file is out of reach: {failures.reason(error)}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise DecodeError(path, "it is not a file")
    if not status.st_size:
        raise DecodeError(path, "the file is empty")
    try:
        container = av.open(
            f"file:{os.fspath(path)}",  # a bare name with a colon reads as a protocol
            metadata_errors="replace",
            container_options={
                "protocol_whitelist": "file",
                "format_whitelist": CONTAINERS,
            },
        )
    except PermissionError as error:
        raise DecodeError(path, "the file may not be read") from error
    except (av.error.FFmpegError, ValueError) as error:
        reason = "it is neither a video nor a photograph of a known format"
        with file.open("rb") as head:
            if head.read(8)[4:] == b"ftyp":
                reason = "its index (moov) is missing or damaged, as if cut short"
        raise DecodeError(path, reason) from error
    return status.st_size, container


def stamp_of(item: Any) -> int | None:
    """Returns the stamp of a packet or frame: of its showing, else of its decoding."""
    return item.dts if item.pts is None else item.pts


def offset_at(leaps: Leaps, packet: int) -> int:
    """Returns what is added to the stamps of a stream's packet of that number."""
    return next((add for first, add in reversed(leaps) if first <= packet), 0)


def within(seconds: float, start: float | None, end: float | None) -> bool:
    """Returns whether a moment lies in a clip; `end` is exclusive."""
    return (not start or seconds >= start) and (end is None or seconds < end)
