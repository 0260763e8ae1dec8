"""The folder that models are pushed to: one numbered subfolder a version."""

from __future__ import annotations

import hashlib
import json
import os
from typing import NamedTuple

from tfx.dsl.io import fileio

from transform.config import Config
from transform.schema import FeatureSpec

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
    if not fileio.isdir(destination):
        return []
    names = (str(name).rstrip("/") for name in fileio.listdir(destination))
    found = [
        PushedVersion(name, os.path.join(destination, name))
        for name in names
        if name.isdecimal()
        and fileio.exists(os.path.join(destination, name, "saved_model.pb"))
    ]
    return sorted(found, key=lambda pushed: int(pushed.version))


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


def spec_of(model_folder: str) -> FeatureSpec:
    """The feature specification that an exported model carries as an asset."""
    path = os.path.join(model_folder, "assets", "feature_spec.json")
    with fileio.open(path) as file:
        return FeatureSpec.from_dict(json.load(file))


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
