"""Kinescribe's own annotation format as a table: one caption a row."""

from __future__ import annotations

from typing import ClassVar, Literal

from transform.common.config import Config, validator
from transform.common.location import Location
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    VideoRecord,
    check_label_names,
    split_named,
    table_rows,
    take_labels,
)

_NEEDED = ("id", "split", "caption")
_COLUMNS = ("id", "video", "split", "caption", "category", "start", "end")


class CsvTable(Config):
    """A CSV file with the columns id, video, split and caption, in any order.

    Further rows with the same id add a caption to the clip, and must not say anything
    else of it. `video` is a path, seen from the file. The columns category, start and
    end (seconds) may be left out, and so may their cells; video as well, where clips
    have only imported features. Further columns are named as `labels`.
    """

    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"labels"})

    kind: Literal["csv"] = "csv"
    file: Location  # path of the annotation file
    delimiter: Literal[",", ";", "\t"] = ","  # between the columns
    labels: tuple[str, ...] = ()  # further columns, by which scores can be sliced

    @validator("labels")
    def _no_other_columns(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        check_label_names(labels, _COLUMNS)
        return labels

    def read(self) -> list[VideoRecord]:
        """Returns all clips in the order of their first rows."""
        corpus = RecordCollector()
        seen: dict[str, VideoRecord] = {}
        needed = (*_NEEDED, *self.labels)
        for where, row in table_rows(self.file, needed, self.delimiter):
            labels = take_labels(row, self.labels, where)
            if unknown := [name for name in row if name not in _COLUMNS]:
                raise AnnotationError(
                    f"{self.file} has the unknown column {unknown[0]!r}; there are "
                    f"{', '.join(_COLUMNS)}; corpus.labels names further ones."
                )
            video = row.get("video", "").strip()
            record = VideoRecord(
                row["id"].strip(),
                self.file.beside(video) if video else "",
                split_named(row["split"].strip(), where),
                (),
                row.get("category", "").strip(),
                _seconds(row.get("start", ""), "start", where),
                _seconds(row.get("end", ""), "end", where),
                labels,
            )
            before = seen.setdefault(record.video_id, record)
            if record is before:
                corpus.add(record, where)
            elif record != before:
                [other, *_] = (
                    name
                    for name, ours, theirs in zip(
                        VideoRecord._fields, record, before, strict=True
                    )
                    if ours != theirs
                )
                raise AnnotationError(
                    f"{where}: video {record.video_id!r} has another {other} than in "
                    "the rows before."
                )
            corpus.caption(record.video_id, row["caption"], where)
        return corpus.records(self.file)


def _seconds(cell: str, column: str, where: str) -> float | None:
    if not cell.strip():
        return None
    try:
        return float(cell)
    except ValueError as error:
        raise AnnotationError(
            f"{where}: {column} must be a number of seconds, not {cell.strip()!r}."
        ) from error
