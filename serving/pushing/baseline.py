"""Chooses the pushed model that a new one has to be compared with."""

from __future__ import annotations

from typing import NamedTuple

from serving.common import model_versions
from serving.pushing import soundness
from serving.pushing.destination import PushedVersion


class Baseline(NamedTuple):
    """The model to compare with, and the reason why it was chosen."""

    folder: str
    version: str  # "" when it is the candidate itself
    reason: str


def choose_baseline(candidate: str, destination: str) -> Baseline:
    """Returns the newest model in `destination`, or the candidate if none can be used.

    Versions that are damaged, not complete or withdrawn are passed over, and the reason
    says so. A model that reads features of another specification cannot run on the
    records at hand, so it cannot be compared with either.

    Args:
        candidate: Folder of the new SavedModel.
        destination: The folder that models are pushed to.

    Raises:
        DamagedVersionError: There are versions, and none is whole.
    """
    pushed, skipped = sound = soundness.newest_sound(destination)
    if not pushed:
        reason = f"nothing has been pushed to {destination} yet"
        if skipped:
            reason = f"{destination} has no version to compare with{sound.in_words()}"
        return Baseline(candidate, "", reason)
    candidate_hash = model_versions.read_spec(candidate).content_hash
    pushed_hash = model_versions.read_spec(pushed.folder).content_hash
    if candidate_hash != pushed_hash:
        reason = (
            f"the pushed version {pushed.version} reads features of specification "
            f"{pushed_hash}, the records have {candidate_hash}{sound.in_words()}"
        )
        return Baseline(candidate, "", reason)
    rank = "newest whole one" if skipped else "latest"
    reason = f"version {pushed.version} is the {rank} in {destination}"
    reason += sound.in_words()
    return Baseline(pushed.folder, pushed.version, reason)


def baseline_version(
    newest: PushedVersion | None, config_digest: str, data_digest: str
) -> str:
    """Returns the version that a run of this configuration and data compares with.

    It is the newest whole one, unless this very configuration and data made that: then
    it is the one that was compared with at the time. Hence a run that is repeated with
    nothing new gets the same answer, and one that goes back to an earlier configuration
    does not.

    Args:
        newest: The newest whole version, if there is one.
        config_digest: Digest of the configuration.
        data_digest: Digest of the clips and captions.
    """
    if not newest:
        return ""
    record = newest.record()
    if record and (record.config_digest, record.data_digest) == (
        config_digest,
        data_digest,
    ):
        return record.baseline_version
    return newest.version
