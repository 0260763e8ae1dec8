"""What a pushed version keeps of the run that made it."""

from __future__ import annotations

import gzip
import os
from typing import NamedTuple

import tensorflow as tf

from serving.pushing.destination import CLIPS, EVALUATION, EVALUATION_FILES, MANIFEST
from transform.common import storage
from transform.records.manifest import Manifest


class RunFolders(NamedTuple):
    """The folders of a run that something is kept of; '' for one that there is not."""

    evaluation: str = ""  # verdict and captions: `EVALUATION_FILES` are kept
    drift: str = ""  # the table of the run's clips
    records: str = ""  # whose manifest is kept, gzipped

    def keep(self, version: str) -> None:
        """Writes what is kept into a version's folder; equal files give equal bytes."""
        files = [(self.evaluation, name) for name in EVALUATION_FILES]
        for source, name in [*files, (self.drift, CLIPS)]:
            path = os.path.join(source, name)
            if source and tf.io.gfile.exists(path):
                kept = os.path.join(version, EVALUATION)
                tf.io.gfile.makedirs(kept)
                tf.io.gfile.copy(path, os.path.join(kept, name))
        if self.records:
            path = os.path.join(self.records, Manifest.TEXT_FILE)
            with tf.io.gfile.GFile(path, "rb") as file:
                data = gzip.compress(file.read(), mtime=0)
            storage.write(os.path.join(version, MANIFEST), data)
