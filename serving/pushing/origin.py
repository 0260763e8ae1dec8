"""What a model was made from: written into its folder, so that it goes with the model.

The next scheduled run compares the clips at hand with those that the served model knew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from typing import Any

import tensorflow as tf

from transform.common import documents, storage
from transform.common.config import Config, Field

FILE = os.path.join("assets.extra", "origin.json.gz")
_WEIGHTS = os.path.join("assets.extra", "captioner")

# id → (split, digest of the content, digest of the captions); content '' if missing
Clips = dict[str, tuple[str, str, str]]


class Origin(Config):
    """The clips, the settings and the model that a model was made from."""

    clips: Clips
    settings: dict[str, Any]  # those that decide a model, as JSON
    parent: str = ""  # the version whose weights training started from
    generation: int = 0  # warm starts since fresh weights
    reason: str = ""  # why the model was trained
    run_id: str = ""  # of the run on a cluster
    note: str = Field("", max_length=1000)  # of the person who started the run
    image: str = ""  # that the model was trained in, by digest; "" before it is

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that identify clips and settings, hence an attempt."""
        content = json.dumps([self.clips, self.settings], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def write(self, model_folder: str) -> None:
        """Writes the file into a model's folder; equal origins give equal bytes."""
        data = gzip.compress(self.to_json().encode(), mtime=0)
        storage.write(os.path.join(model_folder, FILE), data)

    @classmethod
    def read(cls, model_folder: str) -> Origin | None:
        """Reads the file of a model's folder; None without one."""
        path = os.path.join(model_folder, FILE)
        if not tf.io.gfile.exists(path):
            return None
        with tf.io.gfile.GFile(path, "rb") as file:
            return cls.from_json(documents.unzipped(file.read(), path), path)


def weights_folder(model_folder: str) -> str:
    """Returns the folder in a model's whose weights another training can start from."""
    return os.path.join(model_folder, _WEIGHTS)
