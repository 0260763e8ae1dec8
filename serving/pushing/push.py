"""Pushes a model to the folder that a model server watches: wholly or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import pathlib
import shutil
import time
from collections.abc import Iterator

import tensorflow as tf

from serving.pushing import destination as destinations
from serving.pushing.destination import (
    EVALUATION,
    EVALUATION_FILES,
    RECORD,
    PushedVersion,
    PushRecord,
)
from transform.common import storage

_INCOMING = ".incoming-"
_GRAPH = "saved_model.pb"


def push(
    model: str, destination: str, record: PushRecord, evaluation: str = ""
) -> PushedVersion:
    """Makes `model` the latest version in `destination`.

    A reader sees the whole version or none of it: the copy goes to a hidden sibling,
    is flushed to the disk and gets its number by a rename. The remains of a killed push
    are removed. If the latest version is this same model, nothing is copied.

    Args:
        model: Folder of a SavedModel.
        destination: The folder that a model server watches.
        record: Written beside the model; its version is filled in here.
        evaluation: Folder of the model's verdict and captions, of which
            `EVALUATION_FILES` are kept beside the model.
    """
    current = destinations.latest(destination)
    current_record = current.record() if current else None
    if (
        current
        and current_record
        and current_record.weights_digest == record.weights_digest
    ):
        return current
    if "://" in destination:
        return _push_to_object_store(model, destination, record, evaluation)
    os.makedirs(destination, exist_ok=True)
    with _locked(destination):
        for remains in glob.glob(os.path.join(destination, f"{_INCOMING}*")):
            shutil.rmtree(remains)
        version = _next_version(destination)
        incoming = os.path.join(destination, _INCOMING + version)
        storage.copy_folder(model, incoming)
        _write_record(incoming, record.replace(version=version))
        _keep_evaluation(evaluation, incoming)
        _flush(*pathlib.Path(incoming).rglob("*"), incoming)
        folder = os.path.join(destination, version)
        os.rename(incoming, folder)
        _flush(destination)
    return PushedVersion(version, folder)


def _next_version(destination: str) -> str:
    """Returns the time in seconds, as TFX does, but above every existing version."""
    current = destinations.latest(destination)
    return str(max(int(time.time()), int(current.version) + 1 if current else 0))


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Allows one push at a time; the lock ends with the process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush(*paths: str | pathlib.Path) -> None:
    """Flushes files and folders to the disk before anything later is written."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _push_to_object_store(
    model: str, destination: str, record: PushRecord, evaluation: str
) -> PushedVersion:
    """Copies the graph last, since object stores cannot rename a folder.

    Readers take a version for complete only when its graph is present.
    """
    version = _next_version(destination)
    folder = os.path.join(destination, version)
    storage.copy_folder(model, folder, exclude=(_GRAPH,))
    _write_record(folder, record.replace(version=version))
    _keep_evaluation(evaluation, folder)
    tf.io.gfile.copy(os.path.join(model, _GRAPH), os.path.join(folder, _GRAPH))
    return PushedVersion(version, folder)


def _keep_evaluation(evaluation: str, folder: str) -> None:
    kept = os.path.join(folder, EVALUATION)
    for name in EVALUATION_FILES:
        path = os.path.join(evaluation, name)
        if evaluation and tf.io.gfile.exists(path):
            tf.io.gfile.makedirs(kept)
            tf.io.gfile.copy(path, os.path.join(kept, name))


def _write_record(folder: str, record: PushRecord) -> None:
    storage.write(os.path.join(folder, RECORD), record.to_json())
