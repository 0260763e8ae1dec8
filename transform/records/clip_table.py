"""`ClipTable`: what is known of each clip of a dataset, to compare datasets by."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from transform import schema
from transform.common import storage
from transform.records import clip_numbers, tfrecords
from transform.records.dataset import ExtractedDataset

CATEGORIES = (schema.CATEGORY, schema.MISSING, "status", "audio")
_KEYS = ("key", "split")


@dataclasses.dataclass(frozen=True)
class ClipTable:
    """One row a usable clip.

    The columns `key` and `split` say which clip it is; those of `CATEGORIES` hold
    strings, all others numbers, NaN where a clip has none. The key changes with the
    clip's content and with its captions, which are not written.
    """

    columns: dict[str, np.ndarray]  # each (clips,)
    captions: np.ndarray  # (clips,) tuples of strings; () of a table that was read

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the columns with numbers."""
        return tuple(name for name in self.columns if name not in (*_KEYS, *CATEGORIES))

    def __len__(self) -> int:
        """Returns the number of clips."""
        return len(self.columns["key"])

    def where(self, mask: np.ndarray) -> ClipTable:
        """Returns the rows that a (clips,) mask chooses."""
        return ClipTable(
            {name: column[mask] for name, column in self.columns.items()},
            self.captions[mask] if len(self.captions) else self.captions,
        )

    @classmethod
    def of(cls, descriptions: ExtractedDataset) -> ClipTable:
        """Reads the descriptions that an extraction hands out; features are not read.

        Numbers that the records do not have, as older ones, are NaN.
        """
        names = clip_numbers.names(descriptions.spec)
        found = {row.video_id: row for row in descriptions.manifest.rows}
        rows: dict[str, list] = {n: [] for n in (*_KEYS, *CATEGORIES, *names)}
        texts: list[tuple[str, ...]] = []
        for split in descriptions.splits:
            for record in tfrecords.records_of(descriptions.files(split)):
                entries = tf.train.Example.FromString(record.numpy()).features.feature
                captions = tuple(
                    text.decode() for text in entries[schema.CAPTIONS].bytes_list.value
                )
                row = found[_text(entries, schema.VIDEO_ID)]
                rows["key"].append(_key(row.clip_hash or row.video_id, captions))
                rows["split"].append(split)
                texts.append(captions)
                rows["status"].append(row.status)
                rows["audio"].append(row.audio)
                for name in (schema.CATEGORY, schema.MISSING):
                    rows[name].append(_text(entries, name))
                for name in names:
                    values = entries[name].float_list.value
                    rows[name].append(values[0] if values else np.nan)
        spoken = np.empty(len(texts), object)
        spoken[:] = texts
        return cls({n: _column(n, values) for n, values in rows.items()}, spoken)

    def write(self, path: str) -> None:
        """Writes the table as Parquet, whole or not at all; equal rows, equal bytes."""
        data = io.BytesIO()
        pq.write_table(
            pa.table({n: pa.array(c) for n, c in self.columns.items()}), data
        )
        storage.write(path, data.getvalue())

    @classmethod
    def read(cls, path: str) -> ClipTable | None:
        """Reads what `write` wrote; None without the file."""
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                table = pq.read_table(io.BytesIO(file.read()))
        except tf.errors.NotFoundError:
            return None
        return cls(
            {n: _column(n, table.column(n).to_pylist()) for n in table.column_names},
            np.empty(0, object),
        )


def _column(name: str, values: Sequence) -> np.ndarray:
    kind = object if name in (*_KEYS, *CATEGORIES) else np.float64
    return np.array(values, kind)


def _text(entries: dict, name: str) -> str:
    values = entries[name].bytes_list.value
    return values[0].decode() if values else ""


def _key(content: str, captions: Sequence[str]) -> str:
    described = json.dumps([content, list(captions)])
    return hashlib.sha256(described.encode()).hexdigest()[:16]
