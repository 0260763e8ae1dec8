"""Writes captions as subtitles, tables and text: a line or a cue for each clip."""

from __future__ import annotations

import csv
import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, NamedTuple

from transform.common.errors import KinescribeError


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


class CaptionFiles:
    """The files that captions are written to: one for all clips, or one for each.

    A file appears when its last clip is done. After an error, the lines so far are in
    `<name>.part`, and an old file is as it was.

    Args:
        out: A file, by whose ending the format is told; or a folder.
        ending: Of the files in a folder.
        clips: The files that will be captioned.

    Raises:
        KinescribeError: There is no such format, subtitles of several videos are to be
            one file, or two videos would have the same one.
    """

    def __init__(self, out: pathlib.Path, ending: str, clips: Sequence[str]):
        one = out.suffix in FORMATS and not out.is_dir()
        self._ending = out.suffix if one else ending
        if self._ending not in FORMATS:
            raise KinescribeError(
                f"there is no format {self._ending[1:]!r}; there are "
                f"{', '.join(name[1:] for name in FORMATS)}."
            )
        if one and self.subtitles and len(clips) > 1:
            raise KinescribeError(
                f"{out} cannot hold the subtitles of {len(clips)} videos: let --out "
                "name a folder."
            )
        self._places = {
            clip: out if one else out / f"{pathlib.PurePath(clip).stem}{ending}"
            for clip in clips
        }
        if not one and len(set(self._places.values())) < len(self._places):
            raise KinescribeError(
                f"several clips of one name would have the same file in {out}: caption "
                "them by themselves, or let --out name a .csv or .jsonl file."
            )
        self._open: tuple[pathlib.Path, IO[str], Callable[[CaptionLine], None]] | None
        self._open = None
        self.written: list[pathlib.Path] = []

    @property
    def subtitles(self) -> bool:
        """Whether the files are subtitles, each line of which needs an end."""
        return self._ending in SUBTITLES

    def __enter__(self) -> CaptionFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._close(whole=kind is None)

    def write(self, line: CaptionLine) -> None:
        """Writes what is said of a clip, at once; clips come in their order."""
        place = self._places[line.clip]
        if self._open is None or self._open[0] != place:
            self._close(whole=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            file = _partial(place).open("w", encoding="utf-8", newline="")
            self._open = place, file, FORMATS[self._ending](file)
        _, opened, write = self._open
        write(line)
        opened.flush()

    def _close(self, whole: bool) -> None:
        if self._open is None:
            return
        place, file, _ = self._open
        file.close()
        if whole:
            os.replace(_partial(place), place)
            self.written.append(place)
        self._open = None


def _partial(place: pathlib.Path) -> pathlib.Path:
    return place.with_name(f"{place.name}.part")


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
