"""Writes captions as subtitles, tables and text: a line or a cue for each clip."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, NamedTuple


class CaptionLine(NamedTuple):
    """A caption and the part of a file that it describes."""

    clip: str  # the file
    start: float  # seconds from the file's beginning, by its own clock
    end: float | None  # None where the clip is the whole file
    caption: str  # '' where there is none
    confidence: float  # the geometric mean of its words' probabilities
    error: str = ""  # why there is none


Writer = Callable[[IO[str]], Callable[[CaptionLine], None]]


def _srt(file: IO[str]) -> Callable[[CaptionLine], None]:
    number = 0

    def write(line: CaptionLine) -> None:
        nonlocal number
        if line.caption:
            number += 1
            file.write(f"{number}\n{_cue(line, ',')}\n{line.caption}\n\n")

    return write


def _vtt(file: IO[str]) -> Callable[[CaptionLine], None]:
    file.write("WEBVTT\n\n")

    def write(line: CaptionLine) -> None:
        if line.caption:
            text = line.caption.replace("&", "&amp;").replace("<", "&lt;")
            file.write(f"{_cue(line, '.')}\n{text.replace('>', '&gt;')}\n\n")

    return write


def _jsonl(file: IO[str]) -> Callable[[CaptionLine], None]:
    def write(line: CaptionLine) -> None:
        file.write(json.dumps(as_dict(line), ensure_ascii=False) + "\n")

    return write


def _csv(file: IO[str]) -> Callable[[CaptionLine], None]:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(CaptionLine._fields)

    def write(line: CaptionLine) -> None:
        table.writerow("" if value is None else value for value in line)

    return write


def _text(file: IO[str]) -> Callable[[CaptionLine], None]:
    def write(line: CaptionLine) -> None:
        if line.caption:
            file.write(line.caption + "\n")

    return write


# The endings of files → what writes them.
FORMATS: Mapping[str, Writer] = {
    ".srt": _srt,
    ".vtt": _vtt,
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".txt": _text,
}
SUBTITLES = (".srt", ".vtt")  # whose times are those of one video


def to_text(ending: str, lines: Iterable[CaptionLine]) -> str:
    """Returns the whole text of a file of captions with an ending, as ".vtt"."""
    file = io.StringIO()
    write = FORMATS[ending](file)
    for line in lines:
        write(line)
    return file.getvalue()


def as_dict(line: CaptionLine) -> dict[str, Any]:
    """Returns a line as JSON, without what it lacks."""
    return {k: v for k, v in line._asdict().items() if v not in (None, "")}


def clock(seconds: float, point: str = ".") -> str:
    """Returns hours, minutes, seconds and thousandths: "01:02:03.456"."""
    thousandths = max(0, math.floor(1000 * seconds + 0.5))
    whole, rest = divmod(thousandths, 1000)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours:02}:{minutes_left:02}:{seconds_left:02}{point}{rest:03}"


def _cue(line: CaptionLine, point: str) -> str:
    end = line.start if line.end is None else line.end
    return f"{clock(line.start, point)} --> {clock(end, point)}"
