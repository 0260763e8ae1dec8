"""`VideoRecord`, and the checks that every annotation format shares."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple, TypeVar, cast

from transform.common.documents import DocumentError, parse_json
from transform.common.errors import KinescribeError
from transform.common.location import Location, LocationError

Split = Literal["train", "val", "test"]

_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

T = TypeVar("T")


class AnnotationError(KinescribeError, ValueError):
    """Raised for a wrong annotation file; the message says which, where and how."""


class VideoRecord(NamedTuple):
    """One clip of a dataset, with its captions and its category."""

    video_id: str
    uri: str  # of its file; '' where it has only features
    split: Split
    captions: tuple[str, ...]
    category: str = ""
    start: float | None = None  # seconds into the file; None for its beginning
    end: float | None = None  # exclusive; None for its end
    labels: tuple[str, ...] = ()  # each as name=value, of what else is known of it


class RecordCollector:
    """Collects the records of a dataset, and refuses inconsistent ones.

    Ids are unique, captions belong to known clips, and each clip of the train and val
    splits has one caption at the least. Clips of the test split may have none, as in
    the withheld parts of public benchmarks: they are extracted and captioned, and only
    scoring leaves them out.
    """

    def __init__(self) -> None:
        self._videos: dict[str, tuple[VideoRecord, str]] = {}  # with where it stands
        self._captions: dict[str, list[str]] = {}
        self._left_out: set[str] = set()

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._videos

    def add(self, record: VideoRecord, where: str, left_out: bool = False) -> None:
        """Adds a clip, with the captions that it already has.

        A clip that is left out may have captions, but is not among the records.
        """
        if not record.video_id:
            raise AnnotationError(f"{where}: the video's id is empty.")
        if record.video_id in self._videos:
            before = self._videos[record.video_id][1]
            raise AnnotationError(
                f"{where}: video {record.video_id!r} is there twice; the first is at "
                f"{before}."
            )
        for text in (record.video_id, record.uri, record.category, *record.labels):
            _check_text(text, where)
        for seconds in (record.start, record.end):
            if seconds is not None and not 0 <= seconds < math.inf:
                raise AnnotationError(
                    f"{where}: {seconds} is no time, in seconds, of video "
                    f"{record.video_id!r}."
                )
        if record.end is not None and record.end <= (record.start or 0.0):
            raise AnnotationError(
                f"{where}: video {record.video_id!r} ends at {record.end:g} s, before "
                "it begins."
            )
        self._videos[record.video_id] = record, where
        if left_out:
            self._left_out.add(record.video_id)
        self._captions[record.video_id] = []
        for caption in record.captions:
            self.caption(record.video_id, caption, where)

    def caption(self, video_id: str, text: str, where: str) -> None:
        """Adds a caption; blank ones count as absent."""
        if video_id not in self._captions:
            raise AnnotationError(
                f"{where}: the caption belongs to video {video_id!r}, which is not "
                "listed."
            )
        words = " ".join(text.split())
        _check_text(words, where)
        if words:
            self._captions[video_id].append(words)

    def records(self, *files: str) -> list[VideoRecord]:
        """Returns all clips in the order in which the files list them."""
        if len(self._videos) == len(self._left_out):
            names = ", ".join(files) or "the annotations, which name no file"
            raise AnnotationError(f"no video is listed in {names}.")
        records = []
        for video_id, (record, where) in self._videos.items():
            if video_id in self._left_out:
                continue
            captions = tuple(self._captions[video_id])
            if not captions and record.split != "test":
                raise AnnotationError(
                    f"{where}: video {video_id!r} of the {record.split} split has no "
                    "caption."
                )
            records.append(record._replace(captions=captions))
        return records


def split_named(name: Any, where: str) -> Split:
    """Returns `train`, `val` or `test` from any of their usual names."""
    split = _SPLITS.get(name.lower()) if isinstance(name, str) else None
    if split is None:
        raise AnnotationError(
            f"{where}: split {name!r} is unknown; it must be train, val or test."
        )
    return split


def check_label_names(names: tuple[str, ...], known: Collection[str]) -> None:
    """Raises `ValueError` unless names can be those of labels beside known keys."""
    for name in names:
        if not re.fullmatch(r"\w[\w .-]*", name):
            raise ValueError(f"{name!r} cannot be the name of a label")
        if name in known:
            raise ValueError(f"{name!r} has a meaning of its own and is no label")
    if len(set(names)) < len(names):
        raise ValueError(f"labels must differ; received {', '.join(names)}")


def take_labels(
    row: dict[str, Any], names: Collection[str], where: str
) -> tuple[str, ...]:
    """Takes the labels out of a row and returns them, each as name=value.

    A list has a label for each of its values; null and empty text have none.
    """
    found = []
    for name in names:
        value = row.pop(name, None)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, (dict, list)):
                raise AnnotationError(
                    f"{where}: label {name!r} must be text, a number or a list of "
                    f"them, not {_shortened(value)}."
                )
            if one is not None and str(one).strip():
                found.append(f"{name}={str(one).strip()}")
    return tuple(found)


def read_text(path: Location) -> str:
    """Reads the text of a UTF-8 file."""
    try:
        return path.read_text()
    except LocationError as error:
        raise AnnotationError(str(error)) from error


def read_json(path: Location) -> Any:
    """Reads the value of a JSON file."""
    text = read_text(path)
    try:
        return parse_json(text, path)
    except DocumentError as error:
        raise AnnotationError(str(error)) from error


def field(entry: Any, key: str, kind: type[T], where: str) -> T:
    """Returns `entry[key]`, which must exist and be of one type."""
    if not isinstance(entry, dict):
        raise AnnotationError(
            f"{where}: an object with the key {key!r} is expected, not "
            f"{_shortened(entry)}."
        )
    if key not in entry:
        raise AnnotationError(f"{where}: key {key!r} is missing.")
    value = entry[key]
    if not isinstance(value, kind):
        raise AnnotationError(
            f"{where}: {key!r} must be a {_JSON_NAMES[kind]}, not {_shortened(value)}."
        )
    return cast(T, value)


def numbered_lines(path: Location) -> Iterator[tuple[str, str]]:
    """Yields (where, line) for the lines that are not blank."""
    # Not `splitlines`, which would also cut at separators inside a sentence.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line


def table_rows(
    path: Location, needed: Collection[str], delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields (where, row by column) for a CSV file with a header.

    A quotation mark that is not closed would make the rows behind it one cell, without
    a word: text behind a closing mark, a mark that stays open and a cell with what
    looks like a row in it are refused.
    """
    text = io.StringIO(read_text(path), newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    begin = 1  # the line at which a row begins
    try:
        columns = [name.strip() for name in next(rows, [])]
        if missing := [name for name in needed if name not in columns]:
            raise AnnotationError(
                f"{path} has no column {', '.join(missing)}, but "
                f"{', '.join(columns) or 'none at all'}."
            )
        if len(set(columns)) < len(columns):
            raise AnnotationError(f"{path} has two columns of the same name.")
        begin = rows.line_num + 1
        for cells in rows:
            where = f"{path}, line {begin}"
            if cells and len(cells) != len(columns):
                raise AnnotationError(
                    f"{where}: the row has {len(cells)} cells, but there are "
                    f"{len(columns)} columns."
                )
            row = dict(zip(columns, cells, strict=False))
            for column, cell in row.items():
                if _holds_row(cell, columns, delimiter):
                    raise AnnotationError(
                        f"{where}: the cell {column} holds a line break and what looks "
                        f"like further rows: {_OPEN_QUOTE}"
                    )
            if cells:
                yield where, row
            begin = rows.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if "end of data" in reason or "field limit" in reason:
            reason = f"a quotation mark of this row stays open; {_OPEN_QUOTE}"
        elif "expected after" in reason:
            reason = f"text follows a closing quotation mark; {_OPEN_QUOTE}"
        raise AnnotationError(
            f"{path}, line {begin}: not a valid CSV file: {reason.removesuffix('.')}."
        ) from error


_OPEN_QUOTE = 'close each " by another, and write a " within a cell as "".'


def _holds_row(cell: str, columns: list[str], delimiter: str) -> bool:
    """Returns whether a line within a cell could be a row of the table."""
    for line in cell.splitlines()[1:]:
        parts = line.split(delimiter)
        if len(parts) < len(columns):
            continue
        named = dict(zip(columns, parts, strict=False))
        if "split" not in named or named["split"].strip().lower() in _SPLITS:
            return True
    return False


_JSON_NAMES: dict[type, str] = {str: "string", list: "list", dict: "object"}


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AnnotationError(
            f"{where}: {_shortened(text)} holds half of a character (a lone surrogate)."
        ) from error
    if "\0" in text:
        raise AnnotationError(f"{where}: {_shortened(text)} holds a NUL character.")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
