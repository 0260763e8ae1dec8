"""Pushes a model to the folder that a model server watches: wholly or not at all."""

from __future__ import annotations

import datetime
import glob
import os
import pathlib
import shutil
import time

import tensorflow as tf

from serving.common import model_versions
from serving.common.errors import ServingError
from serving.common.model_versions import MAX_VERSION
from serving.pushing import destination as destinations
from serving.pushing import ledger, soundness
from serving.pushing.destination import RECORD, PushedVersion, PushRecord
from serving.pushing.run_folders import RunFolders
from transform.common import lease, storage

_INCOMING = ".incoming-"
_GRAPH = "saved_model.pb"
_LEASE = 120.0  # seconds that a push that was killed keeps others out
_WAIT = 180.0  # seconds that another push is waited for
_NO_RUN = RunFolders()


def push(
    model: str,
    destination: str,
    record: PushRecord,
    run: RunFolders = _NO_RUN,
) -> PushedVersion:
    """Makes `model` the latest version in `destination`.

    A reader sees the whole version or none of it: the copy goes to a hidden sibling,
    is flushed to the disk and gets its number by a rename. The remains of a killed push
    are removed. If the latest version is this same model, and whole, nothing is copied.
    Pushes and roll-backs to one folder wait for each other, from whatever machines they
    come.

    Args:
        model: Folder of a SavedModel.
        destination: The folder that a model server watches.
        record: Written beside the model; its version, its time and, where they are
            not known yet, the digest of its graph are filled in here.
        run: The folders of the run that made it, of which something is kept beside
            the model.
    """
    with lease.held(destination, seconds=_LEASE, wait=_WAIT) as mine:
        current = destinations.latest(destination)
        served = current.record() if current else None
        same = served and served.weights_digest == record.weights_digest
        if current and same and not soundness.damage(current):
            return current
        graph = record.graph_digest or soundness.graph_digest(model)
        record = record.replace(time=_now(), graph_digest=graph)
        if "://" in destination:
            return _push_to_object_store(model, destination, record, run, mine)
        for remains in glob.glob(
            os.path.join(glob.escape(destination), f"{_INCOMING}*")
        ):
            shutil.rmtree(remains)
        version = _next_version(destination)
        incoming = os.path.join(destination, _INCOMING + version)
        storage.copy_folder(model, incoming)
        _write_record(incoming, record.replace(version=version))
        run.keep(incoming)
        _flush(*pathlib.Path(incoming).rglob("*"), incoming)
        folder = os.path.join(destination, version)
        mine.check()
        os.rename(incoming, folder)
        _flush(destination)
    return PushedVersion(version, folder)


def _next_version(destination: str) -> str:
    """Returns the time in seconds, as TFX does, but above every existing version.

    The number of a version that was removed is not given again: the ledger has it.
    """
    folders = model_versions.numbered_folders(destination)
    number = max(int(time.time()), max(folders, default=-1) + 1)
    taken = {event.version for event in ledger.events(destination)}
    while str(number) in taken:
        number += 1
    if number > MAX_VERSION:
        raise ServingError(
            f"{destination} has version {number - 1}, after which no number is left: "
            "rename it."
        )
    return str(number)


def _now() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.isoformat(timespec="seconds")


def _flush(*paths: str | pathlib.Path) -> None:
    """Flushes files and folders to the disk before anything later is written."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _push_to_object_store(
    model: str,
    destination: str,
    record: PushRecord,
    run: RunFolders,
    mine: lease.Lease,
) -> PushedVersion:
    """Copies the graph last, since object stores cannot rename a folder.

    Readers take a version for complete only when its graph is present.
    """
    version = _next_version(destination)
    folder = os.path.join(destination, version)
    storage.copy_folder(model, folder, exclude=(_GRAPH,))
    _write_record(folder, record.replace(version=version))
    run.keep(folder)
    mine.check()
    tf.io.gfile.copy(os.path.join(model, _GRAPH), os.path.join(folder, _GRAPH))
    return PushedVersion(version, folder)


def _write_record(folder: str, record: PushRecord) -> None:
    storage.write(os.path.join(folder, RECORD), record.to_json())
