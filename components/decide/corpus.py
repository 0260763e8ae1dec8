"""The clips at hand, by content: only files that changed are read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from serving.pushing.origin import Clips
from transform.common import storage
from transform.datasets import AnnotationSource, VideoRecord
from transform.datasets import read as read_annotations
from transform.jobs import import_readers
from transform.jobs.import_features import imported, reads_video
from transform.records.feature_store import clip_hash
from transform.schema import FeatureSpec

_THREADS = 16  # remote stores answer slowly

Stamp = tuple[int, int]  # bytes, and the time of the last change in ns


class Stamps:
    """Remembers the content of files by their sizes and times.

    A stamp alone never counts as a change: a file with an unknown one is read.

    Args:
        path: The file in which they are remembered.
    """

    def __init__(self, path: str):
        self._path = path
        self._known: dict[str, str] = {}
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path) as file:
                self._known = json.loads(file.read())
        self._seen: dict[str, str] = {}

    def content(
        self, uri: str, start: float | None = None, end: float | None = None
    ) -> str:
        """Returns the digest of a clip's file and seconds; '' if it is missing."""
        stamp = _stamp(uri)
        if stamp is None:
            return ""
        key = json.dumps([uri, *stamp, start, end])
        if key not in self._seen:
            self._seen[key] = self._known.get(key) or _read(uri, start, end)
        return self._seen[key]

    def save(self) -> None:
        """Writes what was seen, if anything is new."""
        if self._seen != self._known:
            storage.write(self._path, json.dumps(self._seen, sort_keys=True))


def read_clips(source: AnnotationSource, spec: FeatureSpec, stamps: Stamps) -> Clips:
    """Returns every annotated clip, with its split and what it is made of.

    Args:
        source: The annotations, and where the clips lie.
        spec: The features; imported ones count by their files.
        stamps: What is known of files.
    """
    records = list(read_annotations(source))
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        contents = list(
            threads.map(lambda record: _content(record, spec, stamps), records)
        )
    stamps.save()
    return {
        record.video_id: (record.split, content, _digest(record.captions))
        for record, content in zip(records, contents, strict=True)
    }


def _content(record: VideoRecord, spec: FeatureSpec, stamps: Stamps) -> str:
    parts = []
    if reads_video(spec):
        parts.append(stamps.content(record.uri, record.start, record.end))
    for feature in imported(spec):
        parts += [
            stamps.content(path) for path in import_readers.paths(feature, record)
        ]
    if not any(parts):
        return ""
    return parts[0] if len(parts) == 1 else _digest(parts)


def _stamp(uri: str) -> Stamp | None:
    try:
        found = tf.io.gfile.stat(uri)
    except tf.errors.NotFoundError:
        return None
    return found.length, found.mtime_nsec


def _read(uri: str, start: float | None, end: float | None) -> str:
    with storage.local_copy(uri) as path:
        return clip_hash(path, start, end)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]
