"""Tells pushed versions that are as they were pushed from damaged and lost ones.

Servers that cannot load the newest version go on with the one before. So do runs: they
compare with the newest sound version, say which ones they passed over, and push above.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import posixpath
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from serving.common import model_versions
from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import ledger
from serving.pushing.destination import PushedVersion
from serving.pushing.ledger import Event

_log = logging.getLogger(__name__)


class DamagedVersionError(ServingError):
    """Raised where versions have been pushed and none is whole any more."""


class Sound(NamedTuple):
    """The version to compare with, and why newer ones were passed over."""

    pushed: PushedVersion | None
    skipped: tuple[str, ...]  # in one sentence each

    def in_words(self) -> str:
        """Returns what was passed over, to be put behind another sentence; or ''."""
        return "".join(f"; {each.removesuffix('.')}" for each in self.skipped)


def damage(pushed: PushedVersion) -> str:
    """Returns why a version is not the model that was pushed, or '' if it is."""
    record = pushed.record()
    try:
        digest = weights_digest(pushed.folder)
        graph = _whole_graph(pushed.folder)
    except ServingError as error:
        return str(error).removesuffix(".")
    if record and digest != record.weights_digest:
        return "its weights are not those that were pushed"
    if record and record.graph_digest not in ("", graph):
        return "its graph is not the one that was pushed"
    return ""


def newest_sound(destination: str) -> Sound:
    """Returns the newest version that is whole and was not withdrawn.

    Args:
        destination: The folder that models are pushed to.

    Raises:
        DamagedVersionError: All versions that could be served are damaged.
    """
    happened = ledger.events(destination)
    withdrawn = ledger.withdrawn(destination)
    skipped: dict[int, str] = {}
    damaged: list[str] = []  # folders
    found: PushedVersion | None = None
    for pushed in reversed(destinations.versions(destination)):
        record = pushed.record()
        if problem := damage(pushed):
            skipped[int(pushed.version)] = f"version {pushed.version}: {problem}"
            damaged.append(pushed.folder)
        elif record and (event := withdrawn.get(record.weights_digest)):
            skipped[int(pushed.version)] = event.in_words()
        else:
            found = pushed
            break
    if damaged and not found:
        raise DamagedVersionError(
            f"no pushed version can be compared with: {skipped[max(skipped)]}. Delete "
            f"{' and '.join(damaged)}, so that runs begin without a baseline."
        )
    skipped.update(_absent(destination, happened))
    newer = int(found.version) if found else -1
    passed = tuple(skipped[n] for n in sorted(skipped, reverse=True) if n > newer)
    for sentence in passed:
        _say(destination, sentence)
    return Sound(found, passed)


@functools.cache
def _say(destination: str, sentence: str) -> None:
    """Warns once in a process: several stages of a run ask."""
    _log.warning("%s: passed over: %s", destination, sentence)


def lost(destination: str, digest: str) -> Event | None:
    """Returns the push of a model whose versions were all removed or damaged since.

    Such a model is not pushed again by itself: somebody may have removed it because it
    was bad. Where nothing else is left to serve, it is not lost.

    Args:
        destination: The folder that models are pushed to.
        digest: Its `weights_digest`.
    """
    pushes: Event | None = None
    for event in ledger.events(destination):
        if event.weights_digest == digest and event.event == "pushed":
            pushes = event
        elif event.weights_digest == digest and event.event == "forgiven":
            pushes = None
        elif pushes and (event.event, event.version) == ("cleaned", pushes.version):
            pushes = None
    if not pushes:
        return None
    others = False
    for version in destinations.versions(destination):
        record = version.record()
        same = record is not None and record.weights_digest == digest
        if same and not damage(version):
            return None
        others = others or not same
    return pushes if others else None


def graph_digest(folder: str) -> str:
    """Returns sixteen hex digits of a model's graph, byte for byte."""
    with tf.io.gfile.GFile(posixpath.join(folder, "saved_model.pb"), "rb") as file:
        return _digest(file.read())


def _whole_graph(folder: str) -> str:
    """Returns the digest of a version's graph; raises `ServingError` without one."""
    path = posixpath.join(folder, "saved_model.pb")
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        saved = saved_model_pb2.SavedModel.FromString(content)
    except (DecodeError, tf.errors.OpError) as error:
        raise ServingError(f"{path} is damaged: {error}.") from error
    if not saved.meta_graphs:
        raise ServingError(f"{path} is damaged: it has no graph.")
    return _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _absent(destination: str, happened: list[Event]) -> Iterator[tuple[int, str]]:
    """Yields the numbers of versions that are incomplete, or were removed by hand."""
    folders = model_versions.numbered_folders(destination)
    complete = model_versions.complete_versions(destination)
    for number, folder in folders.items():
        if number not in complete:
            yield number, f"version {number} is not complete: see {folder}"
    gone = {e.version: e for e in happened if e.event == "pushed"}
    for event in happened:
        if event.event == "cleaned":
            gone.pop(event.version, None)
    for version in gone:
        if version.isdecimal() and int(version) not in folders:
            yield int(version), f"version {version} was removed by hand"
