"""Clips → frames and sound, through PyAV and a packet loop of our own.

OpenCV and a plain `container.decode()` end at the first bad packet and say nothing, so
that a damaged clip becomes a shorter one. Here each packet fails alone and is counted.
"""

from __future__ import annotations

import itertools
import math
import os
import pathlib
import stat
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import av
import numpy as np

from transform.common.errors import DecodeError
from transform.schema.frame_placement import Sampling
from transform.video.frame_requests import Album, Footage, FramePlan, FrameRequest

__all__ = [
    "ClipFrames",
    "DecodeError",
    "VideoInfo",
    "failed",
    "inspect",
    "read_audio",
    "read_frames",
]

Status = Literal["ok", "short", "repaired", "failed"]

# What may be opened. Playlists and lists of files are not among it: they would let an
# uploaded "video" name other files or addresses to read.
_CONTAINERS = (
    "mov,matroska,avi,asf,flv,gif,apng,mpeg,mpegts,mpegvideo,ogg,ivf,mxf,nut,rm,dv,wtv,"
    "yuv4mpegpipe,wav,mp3,flac,aac"
)
# Containers with an index of key frames and presentation stamps on every packet.
_SEEKABLE = {"mov", "matroska"}
# Decoding this many frames costs more than a seek and a decoder's restart.
_FAR = 64
_MAX_PIXELS = 8192 * 8192
_MAX_PACKETS = 5_000_000  # two days at 30 frames a second
_MAX_UNREADABLE = 1000  # failed reads of the container before it counts as ended
_MAX_AUDIO_SECONDS = 4 * 3600


class VideoInfo(NamedTuple):
    """What the decoder saw of a clip."""

    status: Status
    reason: str  # '' where status is "ok"
    frames: int  # decoded, within the clip's bounds
    packets_lost: int
    fps: float  # mean rate; the gaps of a variable-rate clip differ
    seconds: float
    width: int  # as shown, after rotation
    height: int
    rotation: int  # degrees counter-clockwise that make the frames upright
    codec: str
    pixel_format: str
    audio: str  # codec of the sound track, '' without one


class ClipFrames(NamedTuple):
    """The frames that were asked for, upright."""

    info: VideoInfo
    footage: Mapping[FrameRequest, Footage]
    key_seconds: np.ndarray  # (N,) float64, from the beginning of the file


def read_frames(
    path: str | os.PathLike,
    sampling: Sampling,
    requests: Collection[FrameRequest] = (),
    start: float | None = None,
    end: float | None = None,
) -> ClipFrames:
    """Decodes the frames that features ask for, all in one pass.

    The clip's frames are counted by demuxing, then decoded in one pass that converts
    only the wanted ones. If fewer come out than the packets promised, a second pass
    places them anew among the frames that exist, so that key frames stand at the
    centres of N equal segments in a damaged clip as well.

    In long videos the decoder jumps over stretches without wanted frames; damage in
    them is then neither met nor reported.

    Args:
        path: a local file.
        sampling: how many key frames, which resize filter.
        requests: the runs of frames, and how each is fitted.
        start: where the clip begins in the file, in seconds.
        end: where it ends (exclusive), in seconds.

    Raises:
        DecodeError: if not one frame can be had.
    """
    timeline = _scan(path, start, end)
    plan = FramePlan.of(timeline.shown, sampling, requests)
    wanted = plan.wanted
    if leaps := timeline.leaps(wanted):
        album = Album(path, plan, sampling)
        with _Source(path) as source:
            for index, frame in source.leap(timeline, wanted, leaps):
                album.add(index, frame, source.seconds_of(frame))
            if album.complete and not (source.damaged or source.patched):
                info = source.info(timeline, timeline.frames, sampling.frames)
                return ClipFrames(info, album.footage, album.key_seconds)

    shown = timeline.shown
    for _ in range(3):
        album = Album(path, FramePlan.of(shown, sampling, requests), sampling)
        met: list[float] = []
        with _Source(path) as source:
            for frame in source.frames_between(start, end):
                album.add(len(met), frame, source.seconds_of(frame))
                met.append(source.seconds_of(frame))
            if not met:
                raise DecodeError(path, "no frame could be decoded")
            if len(met) == len(shown):
                info = source.info(timeline, len(met), sampling.frames)
                return ClipFrames(info, album.footage, album.key_seconds)
        shown = np.array(met)
    raise DecodeError(path, "each decoding gives another number of frames")


def inspect(
    path: str | os.PathLike,
    start: float | None = None,
    end: float | None = None,
    wanted: int = 1,
) -> VideoInfo:
    """Decodes every frame, keeps none and tells what was met.

    A bad file is an answer (status "failed" and the reason), never an exception; one
    of fewer than `wanted` frames is "short".
    """
    try:
        timeline = _scan(path, start, end)
        with _Source(path) as source:
            frames = sum(1 for _ in source.frames_between(start, end))
            if not frames:
                raise DecodeError(path, "no frame could be decoded")
            return source.info(timeline, frames, wanted)
    except DecodeError as error:
        return failed(error.reason)


def failed(reason: str) -> VideoInfo:
    """The `VideoInfo` of a clip that could not be decoded."""
    return VideoInfo("failed", reason, 0, 0, 0.0, 0.0, 0, 0, 0, "", "", "")


def read_audio(
    path: str | os.PathLike,
    rate: int = 16_000,
    start: float | None = None,
    end: float | None = None,
) -> np.ndarray:
    """Decodes the sound track, mixed to one channel: (samples,) float32 in [−1, 1].

    Damaged packets are left out; a file without a sound track that can be decoded gives
    no samples. At most four hours are read.
    """
    begin = start or 0.0
    seconds = min(math.inf if end is None else end - begin, _MAX_AUDIO_SECONDS)
    limit = max(0, round(seconds * rate))
    with _Source(path, "audio") as source:
        if source.stream is None:
            return np.zeros(0, np.float32)
        if begin:
            source.seek_seconds(begin)
        chunks: list[np.ndarray] = []
        have = 0
        skip = None  # samples before `begin`, known at the first frame
        for frame in source.frames():
            if skip is None:
                skip = max(0, round((begin - source.seconds_of(frame)) * rate))
            for samples in source.resample(frame, rate):
                chunks.append(samples[skip:])
                skip = max(0, skip - samples.size)
                have += chunks[-1].size
            if have >= limit:
                break
        else:
            chunks.extend(source.resample(None, rate))
    return np.concatenate(chunks or [np.zeros(0, np.float32)])[:limit]


# ---------------------------------------------------------------- the packets


class _Source:
    """An open file and its best stream of one kind; damage is counted, not raised."""

    def __init__(
        self, path: str | os.PathLike, kind: Literal["video", "audio"] = "video"
    ) -> None:
        self.path = os.fspath(path)
        self.damaged = 0  # packets
        self.patched = 0  # frames with parts that the decoder made up
        self._bytes, self.container = _open(path)
        self.stream: Any = self.container.streams.best(kind)
        self._first: Any = None
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
                context.options = {"max_pixels": str(_MAX_PIXELS)}
            self.time_base = self.stream.time_base
            self.zero = self.stream.start_time or 0

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

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
            if width * height > _MAX_PIXELS:
                reason = f"frames of {width} × {height} pixels are too large to decode"
        if reason:
            self.container.close()
            raise DecodeError(self.path, reason)

    def packets(self, *streams: Any, end: float | None = None) -> Iterator[av.Packet]:
        """The packets with data, until one of our stream is decoded at `end` or later.

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

    def frames(
        self, start: float | None = None, end: float | None = None
    ) -> Iterator[Any]:
        """Every frame that decodes, in the order of presentation.

        Damage counts from `start` on; what lies at `end` or later is not decoded.
        """
        for packet in self.packets(self.stream, end=end):
            damaged = packet.is_corrupt
            frames = []
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged = True
            stamp = packet.dts if packet.pts is None else packet.pts
            if damaged and (stamp is None or _within(self.seconds(stamp), start, end)):
                self.damaged += 1
            yield from self._noted(frames, start, end)
        try:
            frames = self.stream.decode(None)
        except av.error.FFmpegError:
            return
        yield from self._noted(frames, start, end)

    def _noted(self, frames: list, start: float | None, end: float | None) -> list:
        if self._first is None and frames:
            self._first = frames[0]
        self.patched += sum(
            frame.is_corrupt and _within(self.seconds_of(frame), start, end)
            for frame in frames
        )
        return frames

    def frames_between(self, start: float | None, end: float | None) -> Iterator[Any]:
        """The frames shown at `start` or later and before `end`."""
        for frame in self.frames(start, end):
            if _within(self.seconds_of(frame), start, end):
                yield frame

    def leap(
        self, timeline: _Timeline, wanted: np.ndarray, leaps: dict[int, int]
    ) -> Iterator[tuple[int, Any]]:
        """(index, frame) of the wanted frames, with a seek before those in `leaps`.

        Ends early at the first frame that is not where the timeline has it.
        """
        frames = self.frames()
        for index in wanted:
            if index in leaps:
                try:
                    self.container.seek(leaps[index], stream=self.stream)
                except av.error.FFmpegError:
                    return
                frames = self.frames()
            target = timeline.stamp(index)
            for frame in frames:
                if frame.pts is None or frame.pts >= target:
                    break
            else:
                return
            if frame.pts != target:
                return
            yield index, frame

    def seek_seconds(self, seconds: float) -> None:
        """Moves to shortly before a moment, or stays where that is not possible."""
        stamp = self.zero + math.floor(seconds / self.time_base)
        try:
            self.container.seek(stamp, stream=self.stream)
        except av.error.FFmpegError:
            self.damaged += 1

    def resample(self, frame: Any, rate: int) -> Iterator[np.ndarray]:
        """One audio frame as mono float32 at `rate`; None drains the resampler."""
        layout, resampler = self._resampler
        if frame is not None:
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if found != layout:  # a track may change its layout on the way
                resampler = av.AudioResampler("flt", "mono", rate)
                self._resampler = (found, resampler)
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
        """A time stamp of our stream, in seconds from the stream's beginning."""
        return float((stamp - self.zero) * self.time_base)

    def seconds_of(self, frame: Any) -> float:
        """When a frame is shown; one without a stamp counts as shown at once."""
        stamp = frame.dts if frame.pts is None else frame.pts
        return self.seconds(self.zero if stamp is None else stamp)

    def info(self, timeline: _Timeline, frames: int, wanted: int) -> VideoInfo:
        """The verdict on what was decoded."""
        lost = max(self.damaged, timeline.frames - frames) + timeline.missing
        expected = max(timeline.frames + timeline.missing, lost)
        remarks = []
        if lost:
            remarks.append(f"{lost} of {expected} packets lost")
        if self.patched:
            remarks.append(f"{_frames(self.patched)} damaged")
        status: Status = "repaired" if remarks else "ok"
        if frames < wanted:
            remarks.append(f"{_frames(frames)}, fewer than the {wanted} wanted")
            status = "repaired" if status == "repaired" else "short"
        first = self._first
        rotation = 90 * round(first.rotation / 90) % 360
        size = (first.width, first.height)
        width, height = size if rotation % 180 == 0 else size[::-1]
        audio = self.container.streams.best("audio")
        context = getattr(audio, "codec_context", None)
        return VideoInfo(
            status=status,
            reason="; ".join(remarks),
            frames=frames,
            packets_lost=lost,
            fps=timeline.fps,
            seconds=timeline.seconds,
            width=width,
            height=height,
            rotation=rotation,
            codec=self.stream.codec_context.codec.canonical_name,
            pixel_format=first.format.name,
            audio=context.codec.canonical_name if context is not None else "",
        )


def _open(path: str | os.PathLike) -> tuple[int, Any]:
    """(bytes, container) of a local media file."""
    file = pathlib.Path(path)
    try:
        status = file.stat()
    except FileNotFoundError:
        raise DecodeError(path, "there is no such file") from None
    except (OSError, ValueError) as error:
        raise DecodeError(path, f"the file is out of reach ({error})") from error
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
                "format_whitelist": _CONTAINERS,
            },
        )
    except PermissionError as error:
        raise DecodeError(path, "the file may not be read") from error
    except (av.error.FFmpegError, ValueError) as error:
        reason = "it is not a video of a known format"
        with file.open("rb") as head:
            if head.read(8)[4:] == b"ftyp":
                reason = "its index (moov) is missing or damaged, as if cut short"
        raise DecodeError(path, reason) from error
    return status.st_size, container


# --------------------------------------------------------------- the timeline


class _Timeline(NamedTuple):
    """A video stream's packets up to the clip's end, from demuxing alone."""

    stamps: np.ndarray  # (P,) int64, sorted
    key_stamps: np.ndarray  # int64, sorted: where decoding can begin
    first: int  # rank of the clip's first frame
    shown: np.ndarray  # (F,) float64 seconds: when the clip's frames are, by packets
    missing: int  # frames that the file announces and does not hold
    fps: float
    seconds: float
    seekable: bool

    @property
    def frames(self) -> int:
        """Packets of the clip."""
        return len(self.shown)

    def stamp(self, index: int) -> int:
        """The presentation stamp of the clip's frame `index`."""
        return int(self.stamps[self.first + index])

    def leaps(self, wanted: np.ndarray) -> dict[int, int]:
        """Before which wanted frames to seek, and to which stamp."""
        if not (self.seekable and self.key_stamps.size):
            return {}
        ranks = self.first + wanted  # (W,) in the file
        before = np.searchsorted(self.key_stamps, self.stamps[ranks], "right") - 1
        keys = self.key_stamps[np.maximum(before, 0)]
        reached = np.concatenate([[0], ranks[:-1]])
        far = np.searchsorted(self.stamps, keys) - reached > _FAR
        far &= before >= 0
        return dict(zip(wanted[far].tolist(), keys[far].tolist(), strict=True))


def _scan(path: str | os.PathLike, start: float | None, end: float | None) -> _Timeline:
    if end is not None and end <= (start or 0.0):
        raise DecodeError(path, f"the clip ends at {end:g} s, before it begins")
    with _Source(path) as source:
        return _demux(source, start, end)


def _demux(source: _Source, start: float | None, end: float | None) -> _Timeline:
    stream, container = source.stream, source.container
    hides_frames = stream.codec_context.codec.canonical_name == "vp8"
    stamps: list[int] = []
    key_stamps: list[int] = []
    packets = 0
    complete = True  # every packet says when it is shown
    held = 0.0  # seconds, of any stream
    origin = (container.start_time or 0) / av.time_base
    for packet in source.packets(*container.streams, end=end):
        stamp = packet.dts if packet.pts is None else packet.pts
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
        if packet.pts is None:
            complete = False
        if stamp is None:
            stamp = stamps[-1] + 1 if stamps else source.zero
        stamps.append(stamp)
        if packet.is_keyframe:
            key_stamps.append(stamp)
    times = np.sort(np.array(stamps, np.int64))
    seconds = [source.seconds(int(stamp)) for stamp in times]
    inside = [_within(moment, start, end) for moment in seconds]
    frames = sum(inside)
    if not frames:
        raise DecodeError(source.path, _nothing_between(source, times, start, end))

    first = inside.index(True)
    clip = times[first : first + frames]
    lasts = float(int(clip[-1] - clip[0]) * source.time_base)  # without its last frame
    gap = _mean_gap(lasts, frames, stream.average_rate or stream.guessed_rate)

    declared = (container.duration or 0) / av.time_base
    lacking = min(declared, math.inf if end is None else end) - held
    missing = 0
    if gap and lacking > max(0.5, 2 * gap, 0.02 * declared):
        # Where the file announces its frames, their number is the firmer answer.
        announced = max(0, stream.frames - packets)
        missing = announced if stream.frames else round(lacking / gap)
    names = set(container.format.name.split(","))
    return _Timeline(
        stamps=times,
        key_stamps=np.sort(np.array(key_stamps, np.int64)),
        first=first,
        shown=np.array(seconds[first : first + frames]),
        missing=missing,
        fps=1 / gap if gap else 0.0,
        seconds=lasts + gap,
        seekable=bool(
            names & _SEEKABLE and complete and len(np.unique(times)) == len(times)
        ),
    )


def _mean_gap(lasts: float, frames: int, rate: Fraction | None) -> float:
    """Mean seconds from frame to frame: as the container has it, unless that is off."""
    declared = 1 / float(rate) if rate else 0.0
    measured = lasts / (frames - 1) if frames > 1 else 0.0
    if declared and (not measured or abs(measured / declared - 1) < 0.05):
        return declared
    return measured


def _nothing_between(
    source: _Source, times: np.ndarray, start: float | None, end: float | None
) -> str:
    if not times.size:
        return "its video stream holds no frames"
    bounds = f"from {start or 0:g} s" + ("" if end is None else f" to {end:g} s")
    last = source.seconds(int(times[-1]))
    return f"no frame lies in the clip {bounds}; the last is at {last:.2f} s"


def _within(seconds: float, start: float | None, end: float | None) -> bool:
    return (not start or seconds >= start) and (end is None or seconds < end)


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
