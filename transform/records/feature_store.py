"""A store of extracted features: one file a clip, named by its content's hash.

`<folder>/<specification's hash>/<aa>/<clip's hash>.zip` holds `info.json`, what the
decoder saw of the clip, and `<feature>`, the bytes that go into its record. New
captions or a new split find their clips here. A clip that cannot be decoded has an
entry too, without features: its content is known to be bad.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from transform.common import storage
from transform.video.video_info import VideoInfo

_INFO = "info.json"
_DAMAGED = (
    zipfile.BadZipFile,
    tf.errors.InvalidArgumentError,  # a directory entry points outside of the file
    tf.errors.OutOfRangeError,
    ValueError,  # neither JSON …
    KeyError,
    TypeError,  # … nor with the fields of a `VideoInfo`
)


class StoredClip(NamedTuple):
    """One clip's entry in the store."""

    info: VideoInfo
    features: dict[str, bytes]


def clip_hash(path: str, start: float | None = None, end: float | None = None) -> str:
    """Hashes a local file's content and the seconds used of it, in 32 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    digest.update(json.dumps([start, end]).encode())
    return digest.hexdigest()[:32]


class FeatureStore:
    """Stores the clips of one specification; safe with many writers."""

    def __init__(self, folder: str, spec_hash: str):
        self.folder = os.path.join(folder, spec_hash)

    def path(self, clip: str) -> str:
        """Returns the path of a clip's entry."""
        return os.path.join(self.folder, clip[:2], f"{clip}.zip")

    def info(self, clip: str) -> VideoInfo | None:
        """Returns a clip's info without its features, None without an entry."""
        try:
            with (
                tf.io.gfile.GFile(self.path(clip), "rb") as file,
                zipfile.ZipFile(file) as entry,
            ):
                return VideoInfo(**json.loads(entry.read(_INFO)))
        except tf.errors.NotFoundError:
            return None
        except _DAMAGED:  # a disk lost part of it
            return None

    def get(self, clip: str) -> StoredClip:
        """Returns a clip's whole entry; `tf.errors.NotFoundError` if there is none."""
        with tf.io.gfile.GFile(self.path(clip), "rb") as file:
            data = file.read()
        with zipfile.ZipFile(io.BytesIO(data)) as entry:
            parts = {name: entry.read(name) for name in entry.namelist()}
        return StoredClip(VideoInfo(**json.loads(parts.pop(_INFO))), parts)

    def put(self, clip: str, info: VideoInfo, features: Mapping[str, bytes]) -> None:
        """Writes an entry whole or not at all."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as entry:
            for name, part in features.items():
                entry.writestr(zipfile.ZipInfo(name), part)
            entry.writestr(zipfile.ZipInfo(_INFO), json.dumps(info._asdict()))
        storage.write(self.path(clip), data.getvalue())
