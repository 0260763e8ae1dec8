"""Chooses the pushed model that a new one has to be compared with."""

from __future__ import annotations

from typing import NamedTuple

from serving import model_versions
from serving.pushing import destination as destinations


class Baseline(NamedTuple):
    """The model to compare with, and the reason why it was chosen."""

    folder: str
    version: str  # "" when it is the candidate itself
    reason: str


def choose_baseline(candidate: str, destination: str) -> Baseline:
    """Returns the latest model in `destination`, or the candidate if none can be used.

    A model that reads features of another specification cannot run on the records at
    hand, so it cannot be compared with either.

    Args:
        candidate: Folder of the new SavedModel.
        destination: The folder that models are pushed to.
    """
    pushed = destinations.latest(destination)
    if not pushed:
        reason = f"nothing has been pushed to {destination} yet"
        return Baseline(candidate, "", reason)
    candidate_hash = model_versions.read_spec(candidate).content_hash
    pushed_hash = model_versions.read_spec(pushed.folder).content_hash
    if candidate_hash != pushed_hash:
        reason = (
            f"the pushed version {pushed.version} reads features of specification "
            f"{pushed_hash}, the records have {candidate_hash}"
        )
        return Baseline(candidate, "", reason)
    reason = f"version {pushed.version} is the latest in {destination}"
    return Baseline(pushed.folder, pushed.version, reason)


def baseline_version(destination: str, config_digest: str, data_digest: str) -> str:
    """Returns the version that a run of this configuration and data compares with.

    It is the latest one, unless this very configuration and data made that: then it
    is the one that was compared with at the time. Hence a run that is repeated with
    nothing new gets the same answer, and one that goes back to an earlier
    configuration does not.
    """
    pushed = destinations.latest(destination)
    if not pushed:
        return ""
    record = pushed.record()
    if record and (record.config_digest, record.data_digest) == (
        config_digest,
        data_digest,
    ):
        return record.baseline_version
    return pushed.version
