"""Turns captions of a video's segments into cues that people have time to read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from serving.client.caption_lines import CaptionLine

_CHARACTERS_A_SECOND = 17.0  # that adults read of subtitles
_GAP = 1e-3  # seconds that are no gap


class CueLengths(NamedTuple):
    """How long cues last, in seconds."""

    shortest: float = 1.0  # or what reading takes, if that is longer
    longest: float = 30.0

    def is_readable(self, line: CaptionLine) -> bool:
        """Returns whether a cue stays long enough to be read."""
        reading = len(line.caption) / _CHARACTERS_A_SECOND
        wanted = min(max(self.shortest, reading), self.longest)
        return _seconds(line) >= wanted - _GAP


def joined(lines: Iterable[CaptionLine], lengths: CueLengths) -> Iterator[CaptionLine]:
    """Joins neighbours that say the same, and those too short to be read.

    Of several captions in one cue, the one stays whose model was surest. No cue grows
    beyond the longest; a line without a caption, as of a damaged part, stays alone.

    Args:
        lines: The segments' captions, in their order.
        lengths: How long cues last.
    """
    return _equal_joined(_short_joined(_equal_joined(lines, lengths), lengths), lengths)


def _equal_joined(
    lines: Iterable[CaptionLine], lengths: CueLengths
) -> Iterator[CaptionLine]:
    last: CaptionLine | None = None
    for line in lines:
        if last is not None:
            both = _both(last, line, lengths) if last.caption == line.caption else None
            if both is None:
                yield last
            line = both or line
        last = line
    if last is not None:
        yield last


def _short_joined(
    lines: Iterable[CaptionLine], lengths: CueLengths
) -> Iterator[CaptionLine]:
    """Joins what is too short to the line after it, or else to the one before."""
    before: CaptionLine | None = None
    short: CaptionLine | None = None
    for line in itertools.chain(lines, (None,)):
        if short is not None:
            if line is not None and (both := _both(short, line, lengths)):
                line = both
            elif before is not None and (both := _both(before, short, lengths)):
                before = both
            else:
                if before is not None:
                    yield before
                before = short
            short = None
        if line is not None and line.caption and not lengths.is_readable(line):
            short = line
            continue
        if before is not None:
            yield before
        before = line


def _both(
    one: CaptionLine, other: CaptionLine, lengths: CueLengths
) -> CaptionLine | None:
    """Returns two neighbours as one cue, if they may be one."""
    if not (one.caption and other.caption) or one.clip != other.clip:
        return None
    if one.end is None or other.end is None:
        return None
    if abs(other.start - one.end) > _GAP:
        return None
    if other.end - one.start > lengths.longest + _GAP:
        return None
    surest = max(one, other, key=lambda line: line.confidence)
    return surest._replace(start=one.start, end=other.end)


def _seconds(line: CaptionLine) -> float:
    return math.inf if line.end is None else line.end - line.start
