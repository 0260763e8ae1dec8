"""Hands a blessed model to the model server, all of it at once or not at all."""

import contextlib
import fcntl
import glob
import os
import pathlib
import shutil
import time
import typing
from collections.abc import Iterator

from absl import logging
from tfx.components.util import model_utils
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from components.baseline_model import component as baseline_model
from serving import model_versions, push_destination
from serving.push_destination import PushedVersion, PushRecord

_INCOMING = ".incoming-"


def push(model: str, destination: str, record: PushRecord) -> PushedVersion:
    """Makes `model` the latest version in `destination`.

    A reader sees the whole version or none of it: the copy goes to a hidden sibling,
    is flushed to the disk and gets its number by a rename. What a killed push left is
    removed. Where the latest version is this very model, nothing is copied.

    Args:
        model: Folder of a SavedModel.
        destination: The folder that a model server watches.
        record: What to write beside the model; its version is filled in here.
    """
    current = push_destination.latest(destination)
    have = current.record() if current else None
    if current and have and have.model_digest == record.model_digest:
        return current
    if "://" in destination:
        return _push_to_object_store(model, destination, record)
    os.makedirs(destination, exist_ok=True)
    with _locked(destination):
        for left in glob.glob(os.path.join(destination, f"{_INCOMING}*")):
            shutil.rmtree(left)
        version = _next_version(destination)
        incoming = os.path.join(destination, _INCOMING + version)
        io_utils.copy_dir(model, incoming)
        _write_record(incoming, record.replace(version=version))
        _flush(*pathlib.Path(incoming).rglob("*"), incoming)
        folder = os.path.join(destination, version)
        os.rename(incoming, folder)
        _flush(destination)
    return PushedVersion(version, folder)


def _next_version(destination: str) -> str:
    """The time in seconds, as TFX has it, and above every version that is there."""
    current = push_destination.latest(destination)
    return str(max(int(time.time()), int(current.version) + 1 if current else 0))


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """One push at a time; the lock ends with the process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush(*paths: str | pathlib.Path) -> None:
    """Sees to it that files and folders are on the disk before what follows is."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _push_to_object_store(
    model: str, destination: str, record: PushRecord
) -> PushedVersion:
    """No renaming in object stores: `saved_model.pb`, which readers want, is last."""
    version = _next_version(destination)
    folder = os.path.join(destination, version)
    io_utils.copy_dir(model, folder, deny_regex_patterns=[r"saved_model\.pb"])
    _write_record(folder, record.replace(version=version))
    name = "saved_model.pb"
    io_utils.copy_file(os.path.join(model, name), os.path.join(folder, name))
    return PushedVersion(version, folder)


def _write_record(folder: str, record: PushRecord) -> None:
    path = os.path.join(folder, push_destination.RECORD)
    io_utils.write_string_file(path, record.to_json())


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Pusher(  # noqa: N802
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    pushed_model: OutputArtifact[standard_artifacts.PushedModel],
    destination: Parameter[str],
    config_digest: Parameter[str],
    data_digest: Parameter[str] = "",
) -> None:
    """Pushes a blessed model; its properties are those of TFX's own Pusher.

    Args:
        model: The model just trained.
        baseline: What it was compared with.
        blessing: The evaluator's word.
        pushed_model: A copy of what was pushed, with `pushed`, `pushed_destination`
            and `pushed_version`, and the fields of its `PushRecord`.
        destination: The folder that a model server watches.
        config_digest: Of the configuration that made the model.
        data_digest: Of the clips and captions that it learnt from.
    """
    if not model_utils.is_model_blessed(blessing):
        logging.info("The model is not blessed, so it is not pushed.")
        pushed_model.set_int_custom_property("pushed", 0)
        return
    folder = path_utils.serving_model_path(model.uri)
    record = PushRecord(
        version="",
        model_digest=push_destination.model_digest(folder),
        config_digest=config_digest,
        data_digest=data_digest,
        spec_hash=model_versions.read_spec(folder).content_hash,
        baseline_version=baseline.get_string_custom_property(baseline_model.VERSION),
    )
    pushed = push(folder, destination, record)
    logging.info("The model is version %s in %s.", pushed.version, destination)
    io_utils.copy_dir(pushed.folder, pushed_model.uri)
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_string_custom_property("pushed_destination", pushed.folder)
    pushed_model.set_string_custom_property("pushed_version", pushed.version)
    for name, value in record.to_dict().items():
        if name != "version":
            pushed_model.set_string_custom_property(name, value)
