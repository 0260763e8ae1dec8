"""Kinescribe's own annotation format: one JSON object a line."""

from __future__ import annotations

from typing import Literal

from transform.common.config import Config, ConfigError, Field, StrictStr
from transform.common.documents import DocumentError, parse_json
from transform.common.location import Location
from transform.datasets.video_record import (
    AnnotationError,
    RecordCollector,
    VideoRecord,
    numbered_lines,
    split_named,
)


class Jsonl(Config):
    """One clip a line, a path relative to the file, and the clip's part of the video.

    `{"id": "kitchen-7", "video": "raw/kitchen.mp4", "split": "train", "captions": ["a
    man washes dishes"], "category": "home", "start": 61.5, "end": 70}`

    `category`, `start` and `end` (seconds) may be left out, and so may `video` of clips
    that have only imported features.
    """

    kind: Literal["jsonl"] = "jsonl"
    file: Location  # path of the annotation file

    def read(self) -> list[VideoRecord]:
        """Returns all clips in the order of the lines."""
        corpus = RecordCollector()
        for where, line in numbered_lines(self.file):
            row = _parse(line, where)
            record = VideoRecord(
                row.id,
                self.file.beside(row.video) if row.video else "",
                split_named(row.split, where),
                row.captions,
                row.category,
                row.start,
                row.end,
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


def _parse(line: str, where: str) -> _Row:
    try:
        row = parse_json(line, where)
        if not isinstance(row, dict):
            raise AnnotationError(f"{where}: a JSON object is expected, not {line}.")
        return _Row.from_dict(row)
    except DocumentError as error:
        raise AnnotationError(str(error)) from error
    except ConfigError as error:
        raise AnnotationError(f"{where}: {error}") from error
