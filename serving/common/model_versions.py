"""Finds the versions of a model in the folders `<base>/<integer>/`."""

from __future__ import annotations

import functools
import json
import logging
import os
import posixpath
import re
from typing import NamedTuple

import tensorflow as tf

from serving.common import signature_names
from serving.common.errors import ServingError
from transform.common import storage
from transform.records import tokenizers
from transform.records.tokenizers import Tokenizer, Words
from transform.schema import FeatureSpec

_log = logging.getLogger(__name__)

MAX_VERSION = 2**63 - 1  # the protocol's int64; folders beyond are no versions
_NUMBER = re.compile("[0-9]{1,19}")  # of ASCII digits alone
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


class FileState(NamedTuple):
    """One file of a version, as the listing of its folder shows it."""

    path: str
    size: int
    modified: int  # ns


Snapshot = tuple[FileState, ...]


def snapshot(folder: str) -> Snapshot:
    """Lists the files of a folder; the result changes whenever one of them does."""
    states = []
    for parent, _, files in tf.io.gfile.walk(folder):
        for name in files:
            path = posixpath.join(parent, name)
            try:
                stat = tf.io.gfile.stat(path)
            except tf.errors.NotFoundError:
                continue  # renamed or deleted meanwhile
            states.append(FileState(path, stat.length, stat.mtime_nsec))
    return tuple(sorted(states))


def is_complete(folder: str) -> bool:
    """Returns whether the graph and every shard of the variables exist.

    A copy that is still being written may pass: such a version fails to load, and is
    tried again when its snapshot has changed.
    """
    variables = posixpath.join(folder, "variables")
    if not (
        tf.io.gfile.exists(posixpath.join(folder, "saved_model.pb"))
        and tf.io.gfile.exists(posixpath.join(variables, "variables.index"))
    ):
        return False
    shards = [
        match
        for name in storage.names_in(variables)
        if (match := _SHARD.fullmatch(name))
    ]
    return bool(shards) and all(int(shard[1]) == len(shards) for shard in shards)


def numbered_folders(base: str) -> dict[int, str]:
    """Returns the folders of versions by number, ascending, whatever is in them.

    Whole numbers that the protocol does not have are left out with a warning, and so
    is the second of two folders of one number, as 7 and 007.
    """
    folders: dict[int, str] = {}
    for name in sorted(storage.names_in(base), key=len):  # 7 before 007
        if not name.isdecimal():
            continue
        folder = posixpath.join(base, name)
        if not _NUMBER.fullmatch(name) or int(name) > MAX_VERSION:
            _leave_out(folder, f"versions are 0 to {MAX_VERSION}, in digits 0 to 9")
        elif int(name) in folders:
            _leave_out(folder, f"{folders[int(name)]} is of the same number")
        else:
            folders[int(name)] = folder
    return dict(sorted(folders.items()))


def complete_versions(base: str) -> dict[int, str]:
    """Returns the folders of the complete versions by number, ascending."""
    folders = numbered_folders(base).items()
    return {number: folder for number, folder in folders if is_complete(folder)}


@functools.cache
def _leave_out(folder: str, why: str) -> None:
    """Warns of a folder, once in a process: servers look at it every few seconds."""
    _log.warning("%s is left out: %s", folder, why)


def next_version(base: str) -> str:
    """Returns the folder for the version after all complete ones."""
    return posixpath.join(base, str(max(complete_versions(base), default=0) + 1))


def resolve(folder: str | os.PathLike[str]) -> str:
    """Returns the folder of a model: the given one, or the newest version in it."""
    base = os.fspath(folder).rstrip("/")
    if tf.io.gfile.exists(posixpath.join(base, "saved_model.pb")):
        return base
    folders = complete_versions(base)
    if not folders:
        raise ServingError(
            f"{base} holds no model: neither a saved_model.pb nor a numbered version "
            "with one; run `kinescribe demo` or give another folder."
        )
    return folders[max(folders)]


def read_spec(folder: str | os.PathLike[str]) -> FeatureSpec:
    """Reads the feature specification of an exported model."""
    path = posixpath.join(os.fspath(folder), "assets", signature_names.SPEC_ASSET)
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return FeatureSpec.from_json(file.read(), path)
    except tf.errors.NotFoundError as error:
        raise ServingError(
            f"{os.fspath(folder)} holds no model exported by Kinescribe: "
            f"assets/{signature_names.SPEC_ASSET} is missing."
        ) from error


def read_tokenizer(folder: str | os.PathLike[str]) -> Tokenizer:
    """Reads what splits captions into an exported model's words.

    Raises:
        ServingError: The model's settings are damaged.
    """
    path = posixpath.join(os.fspath(folder), signature_names.EXPORT_SETTINGS)
    if not tf.io.gfile.exists(path):
        return Words()  # as in models from before there was a choice
    try:
        with tf.io.gfile.GFile(path) as file:
            described = json.loads(file.read()).get("tokenizer")
        return tokenizers.from_json(json.dumps(described) if described else "")
    except (ValueError, AttributeError, UnicodeDecodeError) as error:
        raise ServingError(
            f"{path} is damaged ({error}); export the model again."
        ) from error
