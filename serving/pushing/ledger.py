"""What happened to the versions of a push destination: one small file an event.

`<destination>/.ledger/<UTC>-<event>-<version>-<random>.json` works in a bucket as on a
disk, needs no lock, and model servers pass over it. Without the ledger the versions
are still there; only what people decided about them is forgotten.
"""

from __future__ import annotations

import datetime
import os
import uuid
from typing import Literal

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config

FOLDER = ".ledger"

Kind = Literal[
    "pushed",
    "equal",
    "refused",
    "rejected",
    "rolled-back",
    "forgiven",
    "labelled",
    "unlabelled",
    "cleaned",
]


class Event(Config):
    """One thing that happened to a version, or to a model that became none."""

    event: Kind
    time: str  # UTC, as in 20261128T031500Z
    version: str = ""  # "" of a model that was not pushed
    weights_digest: str = ""  # `serving.common.weights_digest`
    origin_digest: str = ""  # `Origin.fingerprint`
    reason: str = ""  # in one sentence
    by: str = ""  # the person or the run
    content_of: str = ""  # rolled-back: the version whose content is served again
    label: str = ""  # labelled, unlabelled: a name of the version
    content: str = ""  # rejected: digest of the folder's listing

    def in_words(self) -> str:
        """Returns a sentence: what happened to which version, when, by whom and why."""
        version = f"version {self.version}" if self.version else "a model"
        by = f" by {self.by}" if self.by else ""
        why = f": {self.reason.removesuffix('.')}" if self.reason else ""
        return f"{version} was {self.event.replace('-', ' ')} at {self.time}{by}{why}."


def record(destination: str, event: Kind, **fields: str) -> Event:
    """Writes an event that happens now.

    Args:
        destination: The folder that models are pushed to.
        event: What happened.
        fields: The other fields of `Event`.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    happened = Event(event=event, time=f"{now:%Y%m%dT%H%M%S}Z", **fields)
    stamp = f"{now:%Y%m%dT%H%M%S%f}"
    parts = [stamp, event, happened.version or "none", uuid.uuid4().hex[:6]]
    path = os.path.join(destination, FOLDER, "-".join(parts) + ".json")
    storage.write(path, happened.to_json())
    return happened


def events(destination: str) -> list[Event]:
    """Returns everything that happened, oldest first."""
    folder = os.path.join(destination, FOLDER)
    found = []
    for name in storage.names_in(folder):
        if name.endswith(".json") and not name.startswith("."):
            path = os.path.join(folder, name)
            with tf.io.gfile.GFile(path, "rb") as file:
                found.append(Event.from_json(file.read(), path))
    return found


def labels(destination: str) -> dict[str, str]:
    """Returns the versions that have a name, by it."""
    named: dict[str, str] = {}
    for event in events(destination):
        if event.event == "labelled":
            named[event.label] = event.version
        elif event.event == "unlabelled":
            named.pop(event.label, None)
    return named


def rejections(destination: str) -> dict[str, Event]:
    """Returns, by version, what no server could load and nobody has forgiven since."""
    rejected: dict[str, Event] = {}
    for event in events(destination):
        if event.event == "rejected":
            rejected[event.version] = event
        elif event.event == "forgiven":
            rejected.pop(event.version, None)
    return rejected


def withdrawn(destination: str) -> dict[str, Event]:
    """Returns, by the digest of their weights, the models that must not be served.

    They were rolled back or rejected by a server, and nobody has forgiven them since. A
    version that was rejected for its damage withdraws no model.
    """
    bad: dict[str, Event] = {}
    for event in events(destination):
        if not event.weights_digest:
            continue
        if event.event in ("rolled-back", "rejected"):
            bad[event.weights_digest] = event
        elif event.event == "forgiven":
            bad.pop(event.weights_digest, None)
    return bad
