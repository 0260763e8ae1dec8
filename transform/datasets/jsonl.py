"""Kinescribe's own annotation format: one JSON object a line."""

from __future__ import annotations

from typing import ClassVar, Literal

from transform.common.config import Config, ConfigError, Field, StrictStr, validator
from transform.common.documents import DocumentError, parse_json
from transform.common.location import Location
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    VideoRecord,
    check_label_names,
    numbered_lines,
    split_named,
    take_labels,
)


class Jsonl(Config):
    """One clip a line, a path relative to the file, and the clip's part of the video.

    `{"id": "kitchen-7", "video": "raw/kitchen.mp4", "split": "train", "captions": ["a
    man washes dishes"], "category": "home", "start": 61.5, "end": 70}`

    `category`, `start` and `end` (seconds) may be left out, and so may `video` of clips
    that have only imported features. Further keys are named as `labels`.
    """

    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"labels"})

    kind: Literal["jsonl"] = "jsonl"
    file: Location  # path of the annotation file
    labels: tuple[str, ...] = ()  # further keys, by which scores can be sliced

    @validator("labels")
    def _no_other_keys(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        check_label_names(labels, _Row.__fields__)
        return labels

    def read(self) -> list[VideoRecord]:
        """Returns all clips in the order of the lines."""
        corpus = RecordCollector()
        for where, line in numbered_lines(self.file):
            row, labels = _parse(line, self.labels, where)
            record = VideoRecord(
                row.id,
                self.file.beside(row.video) if row.video else "",
                split_named(row.split, where),
                row.captions,
                row.category,
                row.start,
                row.end,
                labels,
            )
            corpus.add(record, where)
        return corpus.records(self.file)


class _Row(Config):
    id: StrictStr
    video: StrictStr = ""
    split: StrictStr
    captions: tuple[StrictStr, ...]
    category: StrictStr = ""
    start: float | None = Field(None, ge=0)
    end: float | None = None


def _parse(
    line: str, names: tuple[str, ...], where: str
) -> tuple[_Row, tuple[str, ...]]:
    try:
        row = parse_json(line, where)
        if not isinstance(row, dict):
            raise AnnotationError(f"{where}: a JSON object is expected, not {line}.")
        labels = take_labels(row, names, where)
        return _Row.from_dict(row), labels
    except DocumentError as error:
        raise AnnotationError(str(error)) from error
    except ConfigError as error:
        raise AnnotationError(f"{where}: {error}") from error
