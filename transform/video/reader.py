"""Reads frames and sound of clips: key frames, runs of frames, samples."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import av
import numpy as np

from transform.schema.frame_placement import FrameSampling
from transform.video.decoder import StreamDecoder, within
from transform.video.frame_requests import (
    FrameCollector,
    FramePlan,
    FrameRequest,
    FrameSet,
    shown_size,
)
from transform.video.photograph import Photograph, is_photograph
from transform.video.timeline import Timeline, scan
from transform.video.video_info import DecodeError, Status, VideoInfo

_MAX_AUDIO_SECONDS = 4 * 3600


class ClipFrames(NamedTuple):
    """The requested frames of a clip, upright."""

    info: VideoInfo
    frame_sets: Mapping[FrameRequest, FrameSet]
    key_seconds: np.ndarray  # (N,) float64, from the beginning of the file
    frame_seconds: np.ndarray  # (F,) float64 of all of the clip's frames


def read_frames(
    path: str | os.PathLike,
    sampling: FrameSampling,
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

    A photograph is a clip of one frame at 0 s.

    Args:
        path: a local file.
        sampling: how many key frames, which resize filter.
        requests: the runs of frames, and how each is fitted.
        start: where the clip begins in the file, in seconds.
        end: where it ends (exclusive), in seconds.

    Raises:
        DecodeError: if not one frame can be had.
    """
    if is_photograph(path):
        return _read_photograph(path, sampling, requests, start, end)
    timeline = scan(path, start, end)
    plan = FramePlan.of(timeline.timestamps, sampling, requests)
    if seeks := timeline.seeks(plan.wanted):
        with StreamDecoder(path) as decoder:
            collector = FrameCollector(path, plan, sampling, decoder.pixel_aspect)
            for index, frame in seek_frames(decoder, timeline, plan.wanted, seeks):
                collector.add(index, frame, decoder.seconds_of(frame))
            if collector.complete and not (decoder.damaged or decoder.concealed):
                info = info_of(decoder, timeline, timeline.frames, sampling.frames)
                return ClipFrames(
                    info,
                    collector.frame_sets,
                    collector.key_seconds,
                    timeline.timestamps,
                )

    timestamps = timeline.timestamps
    for _ in range(3):
        plan = FramePlan.of(timestamps, sampling, requests)
        decoded: list[float] = []  # seconds
        with StreamDecoder(path, leaps=timeline.leaps) as decoder:
            collector = FrameCollector(path, plan, sampling, decoder.pixel_aspect)
            for frame in decoder.frames_between(start, end):
                seconds = decoder.seconds_of(frame)
                collector.add(len(decoded), frame, seconds)
                decoded.append(seconds)
            if not decoded:
                raise DecodeError(path, "no frame could be decoded")
            if len(decoded) == len(timestamps):
                info = info_of(decoder, timeline, len(decoded), sampling.frames)
                return ClipFrames(
                    info, collector.frame_sets, collector.key_seconds, timestamps
                )
        timestamps = np.array(decoded)
    raise DecodeError(path, "each decoding gives another number of frames")


def _read_photograph(
    path: str | os.PathLike,
    sampling: FrameSampling,
    requests: Collection[FrameRequest],
    start: float | None,
    end: float | None,
) -> ClipFrames:
    with Photograph(path) as photograph:
        shown = _frames_shown(photograph, path, start, end)
        seconds = np.array(list(shown.values()))
        collector = FrameCollector(
            path, FramePlan.of(seconds, sampling, requests), sampling
        )
        first = min(shown)
        for number, frame in enumerate(photograph.decoded()):
            if number in shown:
                collector.add(number - first, frame, shown[number])
        info = _photograph_info(photograph, len(shown), sampling.frames)
        return ClipFrames(info, collector.frame_sets, collector.key_seconds, seconds)


def _frames_shown(
    photograph: Photograph,
    path: str | os.PathLike,
    start: float | None,
    end: float | None,
) -> dict[int, float]:
    """Returns when each frame between two moments is shown, by its number."""
    begins = np.cumsum([0.0, *photograph.durations])[:-1]
    shown = {n: float(at) for n, at in enumerate(begins) if within(at, start, end)}
    if not shown:
        bounds = f"from {start or 0:g} s" + ("" if end is None else f" to {end:g} s")
        raise DecodeError(path, f"no frame of the picture lies in the clip {bounds}")
    return shown


def require_clip(path: str | os.PathLike) -> None:
    """Looks at the head of a clip's file.

    Raises:
        DecodeError: There is none, or it is neither a video nor a photograph.
    """
    if not is_photograph(path):
        StreamDecoder(path).container.close()


def inspect(
    path: str | os.PathLike,
    start: float | None = None,
    end: float | None = None,
    wanted: int = 1,
) -> VideoInfo:
    """Decodes every frame, keeps none and returns the findings.

    A bad file is an answer (status "failed" and the reason), never an exception; one
    of fewer than `wanted` frames is "short".
    """
    try:
        if is_photograph(path):
            with Photograph(path) as photograph:
                shown = _frames_shown(photograph, path, start, end)
                return _photograph_info(photograph, len(shown), wanted)
        timeline = scan(path, start, end)
        with StreamDecoder(path, leaps=timeline.leaps) as decoder:
            frames = sum(1 for _ in decoder.frames_between(start, end))
            if not frames:
                raise DecodeError(path, "no frame could be decoded")
            return info_of(decoder, timeline, frames, wanted)
    except DecodeError as error:
        return VideoInfo.failed(error.reason)


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
    with StreamDecoder(path, "audio") as decoder:
        if decoder.stream is None:
            return np.zeros(0, np.float32)
        if begin:
            decoder.seek_seconds(begin)
        chunks: list[np.ndarray] = []
        size = 0
        skip = None  # samples before `begin`, known at the first frame
        for frame in decoder.frames():
            if skip is None:
                skip = max(0, round((begin - decoder.seconds_of(frame)) * rate))
            for samples in decoder.resample(frame, rate):
                chunks.append(samples[skip:])
                skip = max(0, skip - samples.size)
                size += chunks[-1].size
            if size >= limit:
                break
        else:
            chunks.extend(decoder.resample(None, rate))
    return np.concatenate(chunks or [np.zeros(0, np.float32)])[:limit]


def seek_frames(
    decoder: StreamDecoder,
    timeline: Timeline,
    wanted: np.ndarray,
    seeks: Mapping[int, int],
) -> Iterator[tuple[int, Any]]:
    """Decodes the wanted frames alone, with a seek before those in `seeks`.

    Ends early at the first frame that is not where the timeline has it.

    Args:
        decoder: of the video stream.
        timeline: of the same file.
        wanted: (W,) int64 indices of frames, ascending.
        seeks: from `timeline.seeks(wanted)`.

    Yields:
        (index, frame).
    """
    frames = decoder.frames()
    for index in wanted:
        if index in seeks:
            try:
                decoder.container.seek(seeks[index], stream=decoder.stream)
            except av.error.FFmpegError:
                return
            frames = decoder.frames()
        target = timeline.stamp(index)
        for frame in frames:
            if frame.pts is None or frame.pts >= target:
                break
        else:
            return
        if frame.pts != target:
            return
        yield index, frame


def info_of(
    decoder: StreamDecoder,
    timeline: Timeline,
    frames: int,
    wanted: int,
    is_whole: bool = False,
) -> VideoInfo:
    """Sums up the decoding of `frames` frames, of which `wanted` were hoped for.

    Args:
        decoder: What they were decoded with.
        timeline: The clip's.
        frames: How many came out.
        wanted: How many key frames were hoped for.
        is_whole: Whether what the decoder met of damage was not in the clip.
    """
    damaged, concealed = decoder.damaged, decoder.concealed
    if is_whole:
        damaged = concealed = 0
    lost = max(damaged, timeline.frames - frames) + timeline.missing
    expected = max(timeline.frames + timeline.missing, lost)
    remarks = []
    if lost:
        remarks.append(f"{lost} of {expected} packets lost")
    if concealed:
        remarks.append(f"{_count(concealed)} damaged")
    if timeline.leaps:
        parts = len(timeline.leaps) + 1
        remarks.append(f"time stamps begin anew: {parts} parts, one after another")
    status: Status = "repaired" if remarks else "ok"
    if frames < wanted:
        remarks.append(_too_few(frames, wanted))
        status = "repaired" if status == "repaired" else "short"
    first = decoder.first_frame
    rotation = 90 * round(first.rotation / 90) % 360
    size = (first.width, first.height)
    size = shown_size(*size, decoder.pixel_aspect)
    width, height = size if rotation % 180 == 0 else size[::-1]
    audio = decoder.container.streams.best("audio")
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
        codec=decoder.stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        audio=context.codec.canonical_name if context is not None else "",
        pixel_aspect=decoder.pixel_aspect,
    )


def _photograph_info(photograph: Photograph, frames: int, wanted: int) -> VideoInfo:
    """Sums up a picture, `frames` frames of which lie in the clip."""
    short = photograph.frames > 1 and frames < wanted  # a photograph has but one
    seconds = math.fsum(photograph.durations)
    width, height = photograph.size
    return VideoInfo(
        status="short" if short else "ok",
        reason=_too_few(frames, wanted) if short else "",
        frames=frames,
        packets_lost=0,
        fps=photograph.frames / seconds if seconds else 0.0,
        seconds=seconds,
        width=width,
        height=height,
        rotation=photograph.rotation,
        codec=photograph.codec,
        pixel_format=photograph.pixel_format,
        audio="",
    )


def _too_few(frames: int, wanted: int) -> str:
    return f"{_count(frames)}, fewer than the {wanted} wanted"


def _count(frames: int) -> str:
    return f"{frames} frame" if frames == 1 else f"{frames} frames"
