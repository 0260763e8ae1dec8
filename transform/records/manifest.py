"""The manifest: one row with the outcome of each annotated clip."""

from __future__ import annotations

import collections
import csv
import io
import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from transform.common import storage
from transform.common.errors import UnfitDataError
from transform.datasets import VideoRecord
from transform.video.video_info import VideoInfo

STATUSES = ("ok", "short", "repaired", "failed")
SPLITS = ("train", "val", "test")
_REASONS_SAID = 5
_IDS_SAID = 5


class ManifestError(UnfitDataError):
    """Raised where more clips failed than the settings allow."""


class ManifestRow(NamedTuple):
    """The outcome of one clip; the hash is empty if its file is missing."""

    video_id: str
    uri: str
    split: str
    status: str
    reason: str
    packets_lost: int
    frames: int
    seconds: float
    width: int
    height: int
    fps: float
    audio: str
    clip_hash: str
    shard: str  # the file with its record, from the artifact's root; '' if it failed
    start: float | None = None  # seconds into the file; None for its beginning
    end: float | None = None  # exclusive; None for its end

    @classmethod
    def of(cls, record: VideoRecord, info: VideoInfo, clip_hash: str) -> ManifestRow:
        """Returns the row of a clip that is in no shard yet."""
        seen = {
            key: value for key, value in info._asdict().items() if key in cls._fields
        }
        return cls(
            video_id=record.video_id,
            uri=record.uri,
            split=record.split,
            clip_hash=clip_hash,
            shard="",
            start=record.start,
            end=record.end,
            **seen,
        )

    @property
    def usable(self) -> bool:
        """Whether the clip has features."""
        return self.status != "failed"


class Manifest:
    """The rows of all clips of a dataset, sorted by video id."""

    FILE: ClassVar[str] = "manifest.parquet"
    TEXT_FILE: ClassVar[str] = "manifest.csv"

    def __init__(self, rows: Iterable[ManifestRow]):
        self.rows = tuple(sorted(rows))

    def counts(self) -> dict[str, int]:
        """Returns the number of clips with each status."""
        counts = collections.Counter(row.status for row in self.rows)
        return {status: counts[status] for status in STATUSES}

    def splits(self) -> list[str]:
        """Returns the splits with at least one usable clip."""
        usable = {row.split for row in self.rows if row.usable}
        return [split for split in SPLITS if split in usable]

    def coverage(self) -> str:
        """Returns the share of usable clips in words: "2,871 of 2,990 clips"."""
        usable = sum(row.usable for row in self.rows)
        return f"{usable:,} of {len(self.rows):,} clips"

    def in_shards(self, places: Mapping[str, str]) -> Manifest:
        """Returns the manifest with each clip's file, by its id; '' for the others."""
        return Manifest(
            row._replace(shard=places.get(row.video_id, "")) for row in self.rows
        )

    def reasons(self) -> list[tuple[str, int]]:
        """Returns the reasons of failures with their counts, commonest first."""
        counts = collections.Counter(r.reason for r in self.rows if not r.usable)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def check(self, max_failure_ratio: float) -> None:
        """Raises `ManifestError` if more than that part failed, or every clip did."""
        failed = self.counts()["failed"]
        if failed == len(self.rows):
            verdict = "every one"
        elif failed > max_failure_ratio * len(self.rows):
            verdict = f"more than max_failure_ratio = {max_failure_ratio:g} allows"
        else:
            return
        reasons = self.reasons()
        said = "; ".join(f"{n:,} × {reason}" for reason, n in reasons[:_REASONS_SAID])
        if more := reasons[_REASONS_SAID:]:
            said += f"; {sum(n for _, n in more):,} for other reasons"
        ids = [row.video_id for row in self.rows if not row.usable][:_IDS_SAID]
        said += f"; first {', '.join(ids)}"
        raise ManifestError(
            f"{failed:,} of {len(self.rows):,} clips failed, {verdict}: {said}."
        )

    def check_splits(self) -> None:
        """Raises `ManifestError` if all clips of a split failed, which has others."""
        usable = self.splits()
        for split in SPLITS:
            rows = [row for row in self.rows if row.split == split]
            if rows and split not in usable:
                raise ManifestError(
                    f"no clip of split {split} can be used: all {len(rows):,} failed, "
                    f"{rows[0].uri or rows[0].video_id} first ({rows[0].reason}); mend "
                    f"those files, or give other clips the split {split}."
                )

    def write(self, folder: str) -> None:
        """Writes `manifest.parquet` and `manifest.csv`: equal rows, equal bytes."""
        columns = {
            name: pa.array([getattr(row, name) for row in self.rows], kind)
            for name, kind in _types().items()
        }
        parquet = io.BytesIO()
        pq.write_table(pa.table(columns), parquet)
        storage.write(os.path.join(folder, self.FILE), parquet.getvalue())
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(ManifestRow._fields)
        writer.writerows(self.rows)
        storage.write(os.path.join(folder, self.TEXT_FILE), text.getvalue().encode())

    @classmethod
    def read(cls, folder: str) -> Manifest | None:
        """Returns the manifest that `write` wrote to a folder, None without one."""
        path = os.path.join(folder, cls.FILE)
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                table = pq.read_table(io.BytesIO(file.read()))
        except tf.errors.NotFoundError:
            return None
        return cls(ManifestRow(**row) for row in table.to_pylist())


def _types() -> dict[str, pa.DataType]:
    arrow: dict[Any, pa.DataType] = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        float | None: pa.float64(),
    }
    hints = get_type_hints(ManifestRow)
    return {name: arrow[hints[name]] for name in ManifestRow._fields}
