"""Reads the rows of a user's own list of clips, whatever its columns are called."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from transform.common.documents import DocumentError, parse_json
from transform.common.location import Location
from transform.datasets import AnnotationError
from transform.datasets.video_record import numbered_lines, read_text, table_rows

VIDEOS = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts "
    ".vob .webm .wmv".split()
)
PHOTOGRAPHS = frozenset((".jpg", ".jpeg", ".png", ".webp"))
LISTS = (".csv", ".tsv", ".jsonl")

# What people call a column → what it is here.
_NAMES: Mapping[str, str] = {
    **dict.fromkeys("video file filename path clip image video_path".split(), "video"),
    **dict.fromkeys(
        "caption captions sentence sentences description text".split(), "captions"
    ),
    **dict.fromkeys(("id", "video_id", "clip_id"), "video_id"),
    **dict.fromkeys(("split", "subset", "partition"), "split"),
    **dict.fromkeys(("category", "topic"), "category"),
    **dict.fromkeys(("start", "start_time", "begin"), "start"),
    **dict.fromkeys(("end", "end_time"), "end"),
}


class Row(NamedTuple):
    """A clip as a list names it, with some of its captions."""

    where: str  # the row's place, for messages
    video: Location  # of the file
    captions: tuple[str, ...]
    video_id: str = ""
    split: str = ""
    category: str = ""
    start: float | None = None
    end: float | None = None


def read(path: Location) -> list[Row]:
    """Returns the rows of a CSV, TSV or JSONL file.

    Raises:
        AnnotationError: It has no column of clips or of captions, or a row is wrong.
    """
    rows = list(_json_rows(path) if path.endswith(".jsonl") else _table_rows(path))
    if not rows:
        raise AnnotationError(f"{path} lists no clip.")
    return rows


def read_folder(folder: Location) -> list[Row]:
    """Returns a row for each clip of a folder and of those in it.

    Captions come from the folder's only list, or of each clip from the lines of a text
    file beside it: `jump.txt` for `jump.mp4`.

    Raises:
        AnnotationError: There are several lists, or no clip.
    """
    lists = [folder / n for n in sorted(os.listdir(folder)) if n.endswith(LISTS)]
    if len(lists) > 1:
        names = ", ".join(one.name for one in lists)
        raise AnnotationError(
            f"{folder} has several lists, {names}: name the one meant."
        )
    rows = read(lists[0]) if lists else []
    listed = {os.path.abspath(row.video) for row in rows}
    for clip in clips_of(folder):
        if os.path.abspath(clip) not in listed:
            rows.append(Row(clip, clip, _beside(clip)))
    if not rows:
        raise AnnotationError(f"{folder} has no clip: neither videos nor photographs.")
    return rows


def clips_of(folder: str | os.PathLike[str]) -> Iterator[Location]:
    """Yields the videos and photographs in a folder and below it, by their endings."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            ending = os.path.splitext(name)[1].lower()
            if ending in VIDEOS | PHOTOGRAPHS and not name.startswith("."):
                yield Location(os.path.join(parent, name))


def _beside(clip: Location) -> tuple[str, ...]:
    text = Location(f"{os.path.splitext(clip)[0]}.txt")
    if not os.path.isfile(text):
        return ()
    return tuple(filter(None, map(_one_line, read_text(text).split("\n"))))


def _table_rows(path: Location) -> Iterator[Row]:
    header = read_text(path).partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    for where, cells in table_rows(path, (), delimiter):
        yield _row(path, where, cells)


def _json_rows(path: Location) -> Iterator[Row]:
    for where, line in numbered_lines(path):
        try:
            value = parse_json(line, where)
        except DocumentError as error:
            raise AnnotationError(str(error)) from error
        if not isinstance(value, dict):
            raise AnnotationError(f"{where}: a JSON object is expected.")
        yield _row(path, where, value)


def _row(path: Location, where: str, values: Mapping[str, Any]) -> Row:
    known: dict[str, Any] = {}
    named: dict[str, str] = {}
    for name, value in values.items():
        column = _NAMES.get(name.strip().lower())
        if not column:
            continue
        if named.setdefault(column, name) != name:
            raise AnnotationError(
                f"{where}: {named[column]!r} and {name!r} both say the same of a clip, "
                f"its {column}: keep one, and give the other another name."
            )
        known[column] = value
    for column, needed in (("video", "video"), ("captions", "caption")):
        if column not in known:
            raise AnnotationError(
                f"{where}: there is no column {needed!r}, but {', '.join(values)}."
            )
    video = _text(known["video"])
    if not video:
        raise AnnotationError(f"{where}: the clip's file is not named.")
    return Row(
        where,
        path.beside(video),
        _captions(known["captions"], where),
        _text(known.get("video_id")),
        _text(known.get("split")),
        _text(known.get("category")),
        _seconds(known.get("start"), where),
        _seconds(known.get("end"), where),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _captions(value: Any, where: str) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    if any(not isinstance(text, str | None) for text in texts):
        raise AnnotationError(f"{where}: captions must be text, not {value!r}.")
    return tuple(filter(None, (_one_line(text or "") for text in texts)))


def _one_line(text: str) -> str:
    """Returns a caption without the line breaks that quotes may hold."""
    return " ".join(text.split())


def _seconds(value: Any, where: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise AnnotationError(f"{where}: {value!r} is no time in seconds.")
    return seconds
