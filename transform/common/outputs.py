"""Tries places where results will be written, before the work begins, and writes them.

TensorFlow is imported for buckets alone.
"""

from __future__ import annotations

import contextlib
import os
import uuid

from transform.common import failures, filesystems
from transform.common.errors import KinescribeError
from transform.common.failures import OutputError
from transform.common.location import Location

_PATTERN = "*?[]"  # what TensorFlow and Beam take for patterns, with no way around
_TRIED = b"\0" * 4096  # a full disk may still have room for an empty file


def require_folder(place: str | os.PathLike[str]) -> Location:
    """Makes a folder, unless it is there, and makes sure that it can be written to.

    A bucket has twenty seconds for its answer.

    Raises:
        OutputError: It cannot; the message says why.
    """
    folder = Location(place)
    probe = folder / f".kinescribe-{uuid.uuid4().hex[:12]}"
    try:
        if folder.is_remote:
            filesystems.answered(folder, lambda: _try_remote(folder, probe))
        else:
            _try_local(folder, probe)
    except Exception as error:
        if not failures.is_outside(error) and not isinstance(error, ValueError):
            raise
        raise OutputError(
            f"nothing can be written to {folder or 'this folder'}: "
            f"{failures.reason(error)}."
        ) from error
    return folder


def require_file(place: str | os.PathLike[str]) -> Location:
    """Makes sure that a file can be written, and makes the folder that it lies in.

    Raises:
        OutputError: It cannot; the message says why.
    """
    file = Location(place)
    if not file.is_remote and os.path.isdir(file):
        raise OutputError(f"{file} is a folder; choose the name of a file.")
    require_folder(file.parent)
    return file


def require_here(place: str | os.PathLike[str]) -> Location:
    """Refuses a bucket where only files on this machine will do.

    Raises:
        KinescribeError: It is one.
    """
    found = Location(place)
    if found.is_remote:
        raise KinescribeError(
            f"{found} does not lie on this machine, and has to: name a place here."
        )
    return found


def write(place: str | os.PathLike[str], data: bytes | str) -> None:
    """Writes a file whole or not at all, with any name that its file system takes.

    Raises:
        OutputError: It cannot be written; the message says why.
    """
    file = Location(place)
    try:
        content = data.encode() if isinstance(data, str) else data
        (_write_remote if file.is_remote else _write_local)(file, content)
    except Exception as error:
        if not failures.is_outside(error) and not isinstance(error, ValueError):
            raise
        raise OutputError(
            f"{file} cannot be written: {failures.reason(error)}."
        ) from error


def refuse_patterns(place: str | os.PathLike[str]) -> Location:
    """Refuses a folder whose name TensorFlow would take for a pattern of names.

    Raises:
        KinescribeError: It has such a character, which the message names.
    """
    folder = Location(place)
    path = folder if folder.is_remote else os.path.abspath(folder)
    if found := next((character for character in path if character in _PATTERN), ""):
        raise KinescribeError(
            f"{path} has {found} in its name, which TensorFlow takes for a pattern of "
            "names; choose a folder without it."
        )
    return folder


def _write_local(file: Location, content: bytes) -> None:
    folder, name = os.path.split(file)
    if folder:
        os.makedirs(folder, exist_ok=True)
    # Of a long name the beginning will do: with more the name would be too long.
    partial = os.path.join(folder, f".{name[:40]}.{uuid.uuid4().hex[:12]}")
    try:
        with open(partial, "wb") as opened:
            opened.write(content)
        os.replace(partial, file)
    except BaseException:
        with contextlib.suppress(OSError, ValueError):
            os.remove(partial)
        raise


def _write_remote(file: Location, content: bytes) -> None:
    from transform.common import storage

    storage.write(file, content)


def _try_local(folder: Location, probe: Location) -> None:
    if folder:
        os.makedirs(folder, exist_ok=True)
    try:
        with open(probe, "wb") as file:
            file.write(_TRIED)
    finally:
        if os.path.lexists(probe):
            os.remove(probe)


def _try_remote(folder: Location, probe: Location) -> None:
    import tensorflow as tf  # buckets alone need it

    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(probe, "wb") as file:
        file.write(_TRIED)
    tf.io.gfile.remove(probe)
