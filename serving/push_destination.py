"""The folder that models are pushed to: one numbered subfolder a version."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from tfx.dsl.io import fileio

from serving import model_versions
from transform.common.config import Config

RECORD = os.path.join("assets.extra", "push.json")


class PushRecord(Config):
    """Where a pushed model comes from; kept inside its version's folder."""

    version: str
    model_digest: str
    config_digest: str
    data_digest: str
    spec_hash: str
    baseline_version: str  # what it was compared with; "" if there was nothing yet


class PushedVersion(NamedTuple):
    """A model in a push destination."""

    version: str
    folder: str

    def record(self) -> PushRecord | None:
        """Its record, or None for a model that was put there by other means."""
        path = os.path.join(self.folder, RECORD)
        if not fileio.exists(path):
            return None
        with fileio.open(path) as file:
            return PushRecord.from_json(file.read())


def versions(destination: str) -> list[PushedVersion]:
    """The complete versions in `destination`, oldest first."""
    found = model_versions.complete_versions(destination)
    return [PushedVersion(str(number), folder) for number, folder in found.items()]


def latest(destination: str) -> PushedVersion | None:
    """The version that a model server serves, if any."""
    return next(reversed(versions(destination)), None)


def compared_with(destination: str, config_digest: str, data_digest: str) -> str:
    """The version that a run of this configuration and data has to compare with.

    It is the latest one, unless this very configuration and data made that: then it
    is the one that was compared with at the time. Hence a run that is repeated with
    nothing new finds the same answer, and one that goes back to an earlier
    configuration does not.
    """
    pushed = latest(destination)
    if not pushed:
        return ""
    record = pushed.record()
    if record and (record.config_digest, record.data_digest) == (
        config_digest,
        data_digest,
    ):
        return record.baseline_version
    return pushed.version


def model_digest(model_folder: str) -> str:
    """Sixteen hex digits of a SavedModel's files, whatever pushing adds."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(fileio.walk(model_folder)):
        for name in sorted(names):
            path = os.path.join(str(folder), str(name))
            relative = os.path.relpath(path, model_folder)
            if relative == RECORD:
                continue
            with fileio.open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            digest.update(f"{relative} {content}\n".encode())
    return digest.hexdigest()[:16]
