"""Cuts files into the parts that are captioned: whole clips, scenes, or lengths."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Union

from transform.common.errors import KinescribeError

if TYPE_CHECKING:
    from transform.schema import FeatureSpec
    from transform.video.frame_requests import FrameRequest
    from transform.video.reader import ClipFrames
    from transform.video.timeline import StreamIndex

# None for whole clips, "scenes", or a number of seconds.
Cut = Union[None, str, float]


class DecodedPart(NamedTuple):
    """The frames of a part, decoded for the features of a specification."""

    spec: FeatureSpec
    frames: ClipFrames


class ClipPart(NamedTuple):
    """A file, or the seconds from `start` to `end` of it."""

    path: str
    start: float | None = None
    end: float | None = None
    decoded: DecodedPart | None = None


class Parts(NamedTuple):
    """The parts of one file, and where its video begins in it."""

    parts: tuple[ClipPart, ...]
    offset: float = 0.0  # seconds from the file's beginning to the video's


def parsed(segments: str) -> Cut:
    """Returns what `segments` asks for.

    Raises:
        KinescribeError: It is neither "scenes" nor a number of seconds.
    """
    if segments in ("", "scenes"):
        return segments or None
    try:
        seconds = float(segments)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds < 1e6:
        raise KinescribeError(
            f"segments {segments}: scenes, or a number of seconds from 0.1 on."
        )
    return seconds


def all_parts(
    paths: Iterable[str],
    segments: Cut,
    start: float | None,
    end: float | None,
    when_cut: Callable[[str, Parts], None],
) -> Iterator[ClipPart]:
    """Yields the parts of all files; while those of one are taken, it is demuxed once.

    Args:
        paths: The files, on this machine. One that cannot be cut, as a photograph, is
            one part.
        segments: How they are cut.
        start: Seconds before which nothing is taken.
        end: Seconds from which on nothing is taken.
        when_cut: Called with the parts of each file before they are yielded.
    """
    from transform.video import timeline
    from transform.video.video_info import DecodeError

    for path in paths:
        whole = Parts((ClipPart(path, start, end),))
        with contextlib.ExitStack() as stack:
            found = whole
            if segments is not None:
                with contextlib.suppress(DecodeError):  # which captioning it tells
                    index = stack.enter_context(timeline.kept(path))
                    found = _cut(path, index, segments, start, end) or whole
            when_cut(path, found)
            yield from found.parts


def decoded_parts(
    path: str,
    segments: str | float,
    start: float | None,
    end: float | None,
    spec: FeatureSpec,
    keep: Collection[FrameRequest] = (),
    longest: float = math.inf,
) -> Iterator[tuple[ClipPart, float]]:
    """Yields the parts of a file with their frames, from one pass of decoding.

    Parts come without frames where they are better read by themselves: those around
    damage, and those so long that seeking between key frames is faster.

    Args:
        path: The file, or its URI. One that cannot be cut, as a photograph, is one
            part.
        segments: How it is cut.
        start: Seconds before which nothing is taken.
        end: Seconds from which on nothing is taken.
        spec: The features that the frames are for.
        keep: Frames that are wanted besides.
        longest: Seconds after which a scene is cut, whether it goes on or not.

    Yields:
        (part, the seconds from the file's beginning to its video's).
    """
    from serving.client.clip_features import extractor_of
    from serving.client.local_clips import local_clip
    from transform.video import one_pass, timeline
    from transform.video.photograph import is_photograph
    from transform.video.video_info import DecodeError

    requests = (*extractor_of(spec).requests, *keep)
    wanted = one_pass.Wanted(spec.sampling, requests, start, end)
    reached, offset = start, 0.0
    with contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(local_clip(path))
            if is_photograph(copy):
                yield ClipPart(path, start, end), 0.0
                return
            index = stack.enter_context(timeline.kept(copy))
            offset = index.offset
            read = (
                one_pass.by_scenes(copy, index, wanted, longest)
                if isinstance(segments, str)
                else one_pass.by_length(copy, index, segments, wanted)
            )
            for segment, frames in read:
                decoded = DecodedPart(spec, frames) if frames else None
                yield ClipPart(path, *segment, decoded), offset
                reached = segment.end
            if reached != start:
                return
        except DecodeError:  # which captioning the rest tells
            pass
        yield ClipPart(path, reached, end), offset


def _cut(
    path: str,
    index: StreamIndex,
    segments: str | float,
    start: float | None,
    end: float | None,
) -> Parts | None:
    """Returns the segments that lie between two moments, None if there are none."""
    from transform.video import segments as cutting

    if isinstance(segments, str):
        found = cutting.by_scenes(path, index)
    else:
        found = cutting.by_length(index, segments)
    inside = tuple(ClipPart(path, *each) for each in cutting.clipped(found, start, end))
    return Parts(inside, index.offset) if inside else None
