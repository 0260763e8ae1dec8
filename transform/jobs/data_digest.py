"""Fingerprint of a corpus: it changes when captions, splits, clips or imports do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from transform.datasets import VideoRecord
from transform.jobs import import_readers
from transform.schema import FeatureSpec, Imported


def data_digest(records: Sequence[VideoRecord], spec: FeatureSpec | None = None) -> str:
    """Hashes the clips and every file's size and time stamp to 16 hex digits.

    The files are the clips, and those that features of `spec` are imported from. Cheap
    enough to be computed before every run: none is read.
    """
    features = spec.features if spec else ()
    imports = [feature for feature in features if isinstance(feature, Imported)]
    uris = sorted(
        {record.uri for record in records if record.uri}.union(
            path
            for record in records
            for feature in imports
            for path in import_readers.paths(feature, record)
        )
    )
    with ThreadPoolExecutor(max_workers=16) as threads:  # remote stores answer slowly
        stamps = list(threads.map(_stamp, uris))
    digest = hashlib.sha256()
    for part in (*sorted(records), *zip(uris, stamps, strict=True)):
        digest.update(json.dumps(part).encode() + b"\n")
    return digest.hexdigest()[:16]


def _stamp(uri: str) -> list[int]:
    """Returns a file's size and time; nothing of one that cannot be reached."""
    try:
        found = tf.io.gfile.stat(uri)
    except tf.errors.OpError:  # the manifest will say why
        return []
    return [found.length, found.mtime_nsec]
