"""Cuts files into the parts that are captioned: whole clips, scenes, or lengths."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Union

from transform.common.errors import KinescribeError
from transform.common.location import Location

if TYPE_CHECKING:
    from transform.video.timeline import StreamIndex

# None for whole clips, "scenes", or a number of seconds.
Cut = Union[None, str, float]


class ClipPart(NamedTuple):
    """A file, or the seconds from `start` to `end` of it."""

    path: str
    start: float | None = None
    end: float | None = None


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
        paths: The files. One that cannot be cut, as a photograph, is one part.
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
                    copy = path
                    if Location(path).is_remote:
                        from serving.client.local_clips import local_clip

                        copy = stack.enter_context(local_clip(path))
                    index = stack.enter_context(timeline.kept(copy))
                    found = _cut(path, copy, index, segments, start, end) or whole
            when_cut(path, found)
            yield from found.parts


def _cut(
    path: str,
    copy: str,
    index: StreamIndex,
    segments: str | float,
    start: float | None,
    end: float | None,
) -> Parts | None:
    """Returns the segments that lie between two moments, None if there are none."""
    from transform.video import segments as cutting

    if isinstance(segments, str):
        found = cutting.by_scenes(copy, index)
    else:
        found = cutting.by_length(index, segments)
    begin, stop = start or 0.0, math.inf if end is None else end
    inside = tuple(
        ClipPart(path, max(each.start, begin), min(each.end, stop))
        for each in found
        if each.end > begin and each.start < stop
    )
    return Parts(inside, index.offset) if inside else None
