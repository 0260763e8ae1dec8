"""Which shared records and features a run consists of, so that others can be removed.

`<records>/.runs/<digest>.json.gz` lists one run's files; a run of the same clips writes
the same list again, which makes it the newest.
"""

from __future__ import annotations

import gzip
import os

import tensorflow as tf

from transform.common import documents, storage
from transform.common.config import Config

FOLDER = ".runs"


class RunUse(Config):
    """The files of one run."""

    records: tuple[str, ...]  # paths below the folder of records
    spec_hash: str
    clips: tuple[str, ...]  # hashes, by which the feature store names its entries


def write(records: str, use: RunUse) -> None:
    """Writes down what a run uses."""
    path = os.path.join(records, FOLDER, f"{use.digest()}.json.gz")
    storage.write(path, gzip.compress(use.to_json().encode(), mtime=0))


def read_newest(records: str, count: int) -> list[RunUse]:
    """Returns what the newest runs use."""
    folder = os.path.join(records, FOLDER)
    paths = [
        os.path.join(folder, name)
        for name in storage.names_in(folder)
        if name.endswith(".json.gz") and not name.startswith(".")
    ]
    newest = sorted(paths, key=lambda path: -tf.io.gfile.stat(path).mtime_nsec)
    found = []
    for path in newest[:count]:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = documents.unzipped(file.read(), path)
        found.append(RunUse.from_json(content, path))
    return found
