"""`Removal`: something that can go, and how, so that no reader sees half of it."""

from __future__ import annotations

import os
from typing import NamedTuple

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config, Field


class Rules(Config):
    """What is kept whatever else is said."""

    keep_versions: int = Field(5, ge=1)  # the newest, of models
    keep_runs: int = Field(10, ge=1)  # the newest, with all that they use
    older_days: float = Field(30.0, ge=0)  # nothing younger goes


class Removal(NamedTuple):
    """A file or a folder that can go."""

    kind: str  # version, records, features, training, log or artifact
    path: str
    size: int  # bytes
    why: str
    first: str = ""  # the file without which readers pass the rest over


class Stated(NamedTuple):
    """The size of a file or folder, and the time of its newest file."""

    size: int
    modified: float  # seconds since 1970


def state(path: str) -> Stated:
    """Looks at a file, or at all files of a folder."""
    found = tf.io.gfile.stat(path)
    if not found.is_directory:
        return Stated(found.length, found.mtime_nsec / 1e9)
    size, times = 0, []
    for folder, _, names in tf.io.gfile.walk(path):
        for name in names:
            one = tf.io.gfile.stat(os.path.join(folder, name))
            size += one.length
            times.append(one.mtime_nsec / 1e9)
    return Stated(size, max(times, default=found.mtime_nsec / 1e9))


def remove(removal: Removal) -> None:
    """Removes it whole in the eyes of readers, even if this is killed halfway.

    A file goes at once. Of a folder on a disk the name goes first; in a bucket, which
    cannot rename folders, the file that readers ask for.
    """
    path = removal.path
    if removal.first:
        first = os.path.join(path, removal.first)
        if tf.io.gfile.exists(first):
            tf.io.gfile.remove(first)
    if not tf.io.gfile.isdir(path):
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
        return
    if "://" not in path:
        folder, name = os.path.split(path)
        hidden = os.path.join(folder, f".cleaned-{name}")
        storage.remove(hidden)  # of a run that was killed
        os.rename(path, hidden)
        path = hidden
    storage.remove(path)


def left_overs(folder: str) -> list[Removal]:
    """Returns folders whose removal was interrupted."""
    return [
        Removal("left over", path, state(path).size, "its removal was interrupted")
        for name in storage.names_in(folder)
        if name.startswith(".cleaned-")
        for path in [os.path.join(folder, name)]
    ]
