"""Writes captions as subtitles, tables and text: a line or a cue for each clip."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
import textwrap
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
    picture: str = ""  # a data URL of a frame, for the formats in `WITH_PICTURES`


Writer = Callable[[IO[str]], Callable[[CaptionLine], None]]


def _srt(file: IO[str]) -> Callable[[CaptionLine], None]:
    number = 0

    def write(line: CaptionLine) -> None:
        nonlocal number
        if line.caption:
            number += 1
            file.write(f"{number}\n{_cue(line, ',')}\n{_rows(line.caption)}\n\n")

    return write


def _vtt(file: IO[str]) -> Callable[[CaptionLine], None]:
    file.write("WEBVTT\n\n")

    def write(line: CaptionLine) -> None:
        if line.caption:
            text = html.escape(_rows(line.caption), quote=False)
            file.write(f"{_cue(line, '.')}\n{text}\n\n")

    return write


def _jsonl(file: IO[str]) -> Callable[[CaptionLine], None]:
    def write(line: CaptionLine) -> None:
        file.write(json.dumps(as_dict(line), ensure_ascii=False) + "\n")

    return write


def _csv(file: IO[str]) -> Callable[[CaptionLine], None]:
    table = csv.writer(file, lineterminator="\n")
    columns = [name for name in CaptionLine._fields if name != "picture"]
    table.writerow(columns)

    def write(line: CaptionLine) -> None:
        values = (getattr(line, name) for name in columns)
        table.writerow("" if value is None else value for value in values)

    return write


def _text(file: IO[str]) -> Callable[[CaptionLine], None]:
    def write(line: CaptionLine) -> None:
        if line.caption:
            file.write(line.caption + "\n")

    return write


def _chapters(file: IO[str]) -> Callable[[CaptionLine], None]:
    def write(line: CaptionLine) -> None:
        if line.caption:
            file.write(f"{clock(line.start).partition('.')[0]} {line.caption}\n")

    return write


def _ffmetadata(file: IO[str]) -> Callable[[CaptionLine], None]:
    file.write(";FFMETADATA1\n")

    def write(line: CaptionLine) -> None:
        if line.caption:
            end = line.start if line.end is None else line.end
            title = re.sub(r"([=;#\\\n])", r"\\\1", line.caption)
            file.write(
                f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={_thousandths(line.start)}\n"
                f"END={_thousandths(end)}\ntitle={title}\n"
            )

    return write


def _html(file: IO[str]) -> Callable[[CaptionLine], None]:
    file.write('<!doctype html>\n<meta charset="utf-8">\n<title>Pictures</title>\n')

    def write(line: CaptionLine) -> None:
        if line.caption:
            alt = html.escape(line.caption)
            file.write(
                f'<figure><img src="{line.picture}" alt="{alt}">'
                f"<figcaption>{clock(line.start).partition('.')[0]}</figcaption>"
                "</figure>\n"
            )

    return write


# The endings of files → what writes them.
FORMATS: Mapping[str, Writer] = {
    ".srt": _srt,
    ".vtt": _vtt,
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".txt": _text,
    ".chapters": _chapters,
    ".ffmeta": _ffmetadata,
    ".html": _html,
}
# Formats whose times are those of one video.
SUBTITLES = (".srt", ".vtt", ".chapters", ".ffmeta")
WITH_PICTURES = (".html",)  # each caption is the alternative text of one
_COLUMNS = 42  # of a row of subtitles


def to_text(ending: str, lines: Iterable[CaptionLine]) -> str:
    """Returns the whole text of a file of captions with an ending, as ".vtt"."""
    file = io.StringIO()
    write = FORMATS[ending](file)
    for line in lines:
        write(line)
    return file.getvalue()


def as_dict(line: CaptionLine) -> dict[str, Any]:
    """Returns a line as JSON, without what it lacks."""
    values = line._replace(picture="")._asdict()
    return {name: value for name, value in values.items() if value not in (None, "")}


def clock(seconds: float, point: str = ".") -> str:
    """Returns hours, minutes, seconds and thousandths: "01:02:03.456"."""
    whole, rest = divmod(_thousandths(seconds), 1000)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours:02}:{minutes_left:02}:{seconds_left:02}{point}{rest:03}"


def _thousandths(seconds: float) -> int:
    return max(0, math.floor(1000 * seconds + 0.5))


def _rows(caption: str) -> str:
    """Returns a caption in rows that fit on a picture."""
    return textwrap.fill(caption, _COLUMNS, break_long_words=False)


def _cue(line: CaptionLine, point: str) -> str:
    end = line.start if line.end is None else line.end
    return f"{clock(line.start, point)} --> {clock(end, point)}"
