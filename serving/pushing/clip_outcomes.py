"""What became of the clips of a run's records, as a push records it."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

import tensorflow as tf

from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest

_REASONS = 20  # that are kept: those of broken imports may name each clip's file
OTHER_REASONS = "other reasons"


class ClipOutcomes(NamedTuple):
    """The clips by what became of them, and which manifest says so."""

    clips: dict[str, dict[str, int]]  # by split and status, failed ones among them
    failures: dict[str, int]  # by reason
    manifest_digest: str  # of its file, sixteen hex digits as sha256sum prints first


def of_records(records: ExtractedDataset) -> ClipOutcomes:
    """Counts a dataset's clips, and digests its manifest.

    Rarer reasons than the twenty commonest are counted as `OTHER_REASONS`.

    Raises:
        DataError: There is no manifest.
    """
    manifest = records.manifest
    clips: dict[str, dict[str, int]] = {}
    for row in manifest.rows:
        of_split = clips.setdefault(row.split, {})
        of_split[row.status] = of_split.get(row.status, 0) + 1
    reasons = manifest.reasons()
    failures = dict(reasons[:_REASONS])
    if rest := sum(count for _, count in reasons[_REASONS:]):
        failures[OTHER_REASONS] = rest
    path = os.path.join(records.folder, Manifest.TEXT_FILE)
    with tf.io.gfile.GFile(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:16]
    return ClipOutcomes(clips, failures, digest)
