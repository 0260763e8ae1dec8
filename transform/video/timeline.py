"""Presentation times of a video stream's frames, found by demuxing alone."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from transform.video.decoder import StreamDecoder, within
from transform.video.video_info import SEEKABLE_CONTAINERS, DecodeError

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
    with StreamDecoder(path) as decoder:
        return _demux(decoder, start, end)


def _demux(decoder: StreamDecoder, start: float | None, end: float | None) -> Timeline:
    stream, container = decoder.stream, decoder.container
    hides_frames = stream.codec_context.codec.canonical_name == "vp8"
    stamps: list[int] = []
    key_stamps: list[int] = []
    packets = 0
    complete = True  # every packet says when it is shown
    held = 0.0  # seconds, of any stream
    origin = (container.start_time or 0) / av.time_base
    for packet in decoder.packets(*container.streams, end=end):
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
            stamp = stamps[-1] + 1 if stamps else decoder.zero
        stamps.append(stamp)
        if packet.is_keyframe:
            key_stamps.append(stamp)
    times = np.sort(np.array(stamps, np.int64))
    seconds = [decoder.seconds(int(stamp)) for stamp in times]
    inside = [within(moment, start, end) for moment in seconds]
    frames = sum(inside)
    if not frames:
        raise DecodeError(decoder.path, _nothing_between(decoder, times, start, end))

    first = inside.index(True)
    clip = times[first : first + frames]
    lasts = float(int(clip[-1] - clip[0]) * decoder.time_base)  # without its last frame
    gap = _mean_gap(lasts, frames, stream.average_rate or stream.guessed_rate)

    declared = (container.duration or 0) / av.time_base
    absent = min(declared, math.inf if end is None else end) - held  # seconds
    missing = 0
    if gap and absent > max(0.5, 2 * gap, 0.02 * declared):
        # Where the file announces its frames, their number is the firmer answer.
        announced = max(0, stream.frames - packets)
        missing = announced if stream.frames else round(absent / gap)
    names = set(container.format.name.split(","))
    return Timeline(
        stamps=times,
        key_stamps=np.sort(np.array(key_stamps, np.int64)),
        first=first,
        timestamps=np.array(seconds[first : first + frames]),
        missing=missing,
        fps=1 / gap if gap else 0.0,
        seconds=lasts + gap,
        seekable=bool(
            names & SEEKABLE_CONTAINERS
            and complete
            and len(np.unique(times)) == len(times)
        ),
    )


def _mean_gap(lasts: float, frames: int, rate: Fraction | None) -> float:
    """Returns the mean seconds between frames: the container's, unless it is off."""
    declared = 1 / float(rate) if rate else 0.0
    measured = lasts / (frames - 1) if frames > 1 else 0.0
    if declared and (not measured or abs(measured / declared - 1) < 0.05):
        return declared
    return measured


def _nothing_between(
    decoder: StreamDecoder, times: np.ndarray, start: float | None, end: float | None
) -> str:
    if not times.size:
        return "its video stream holds no frames"
    bounds = f"from {start or 0:g} s" + ("" if end is None else f" to {end:g} s")
    last = decoder.seconds(int(times[-1]))
    return f"no frame lies in the clip {bounds}; the last is at {last:.2f} s"
