"""Records that a server could not load a pushed version, so that runs learn of it."""

from __future__ import annotations

import hashlib
import logging
import os

import tensorflow as tf

from serving.common import errors, model_versions
from serving.pushing import ledger, soundness
from serving.pushing.destination import PushedVersion
from serving.pushing.origin import Origin
from transform.common.errors import KinescribeError

# What a server is short of, or is not allowed to, says nothing of a version.
_PASSING = (
    MemoryError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)

_log = logging.getLogger(__name__)


def note(destination: str, version: int, error: Exception) -> None:
    """Writes a `rejected` event beside the versions, once for a version's content.

    A whole version's model is withdrawn by it. Of a damaged one the event has no
    digest: its model may be served well by another version. Versions that Kinescribe
    did not push are passed over, and so is an error that is the server's own. Where
    nothing can be written, as on a volume that is mounted read-only, the log says so
    and the server goes on.

    Args:
        destination: The folder of numbered versions.
        version: The number of the version that did not load.
        error: Why.
    """
    if is_passing(error):
        return
    folder = model_versions.numbered_folders(destination).get(version, "")
    pushed = PushedVersion(str(version), folder)
    try:
        record = pushed.record() if folder else None
        content = _content(folder)
        if not record or _is_known(destination, pushed.version, content):
            return
        origin = Origin.read(folder)
        ledger.record(
            destination,
            "rejected",
            version=pushed.version,
            weights_digest="" if soundness.damage(pushed) else record.weights_digest,
            origin_digest=origin.fingerprint if origin else "",
            content=content,
            reason=errors.one_sentence(error),
            by="a server",
        )
    except (OSError, tf.errors.OpError, KinescribeError) as unwritten:
        _log.warning(
            "that version %d is rejected cannot be written to %s: %s",
            version,
            os.path.join(destination, ledger.FOLDER),
            unwritten,
        )


def is_passing(error: BaseException | None) -> bool:
    """Returns whether a load failed for what the server lacks, not for the version."""
    while error:
        # TensorFlow's own complaints of files are OSErrors without a number.
        system = isinstance(error, OSError) and error.errno is not None
        if system or isinstance(error, _PASSING):
            return True
        error = error.__cause__
    return False


def _is_known(destination: str, version: str, content: str) -> bool:
    known = False
    for event in ledger.events(destination):
        if event.version == version and event.event == "forgiven":
            known = False
        elif event.version == version and event.event == "rejected":
            known = known or event.content == content
    return known


def _content(folder: str) -> str:
    """Returns sixteen hex digits that change whenever one of the files does."""
    files = model_versions.snapshot(folder)
    lines = [f"{os.path.relpath(f.path, folder)} {f.size} {f.modified}" for f in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
