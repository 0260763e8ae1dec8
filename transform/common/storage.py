"""Files that appear whole or not at all, on any file system that TensorFlow knows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import uuid
from collections.abc import Collection, Iterator

import tensorflow as tf

from transform.common import failures, filesystems
from transform.common.location import Location, LocationError

filesystems.inherit()  # a worker process has not been told by a command

# What TensorFlow raises of a checkpoint or a SavedModel that is cut or damaged.
DAMAGED = (IndexError, OSError, RuntimeError, ValueError, tf.errors.OpError)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields a temporary name, which replaces `path` if the block succeeds.

    A reader of `path` meanwhile, or after a kill, sees the old file or none.
    """
    folder, name = os.path.split(path)
    tf.io.gfile.makedirs(folder or ".")
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:12]}")
    try:
        yield temporary
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        with contextlib.suppress(tf.errors.NotFoundError):
            tf.io.gfile.remove(temporary)
        raise


def write(path: str, data: bytes | str) -> None:
    """Writes a file whole or not at all."""
    with replacing(path) as temporary, tf.io.gfile.GFile(temporary, "wb") as file:
        file.write(data)


def remove(folder: str) -> None:
    """Deletes a folder with all that it holds, if it exists."""
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)


def names_in(folder: str) -> list[str]:
    """Returns the sorted names in a folder; an empty list without the folder.

    Raises:
        LocationError: It cannot be listed, for want of a right, a network, a file
            system or an answer. That says nothing of what is in it.
    """

    def listed() -> list[str]:
        # Whether it is a folder cannot be asked: each error is answered by a no.
        try:
            if not tf.io.gfile.stat(folder).is_directory:
                raise LocationError(folder, "it is a file where a folder is wanted")
            return tf.io.gfile.listdir(folder)
        except tf.errors.NotFoundError:
            if Location(folder).scheme == "s3":
                # What may not be listed is not there, it says; of a file it does not.
                with tf.io.gfile.GFile(os.path.join(folder, ".absent"), "rb") as file:
                    file.read(1)
            raise

    try:
        found = filesystems.answered(folder, listed)
    except tf.errors.NotFoundError:
        return []
    except tf.errors.OpError as error:
        raise LocationError(folder, failures.reason(error)) from error
    return sorted(name.rstrip("/") for name in found)


def copy_folder(source: str, target: str, exclude: Collection[str] = ()) -> None:
    """Copies a folder with all that it holds to a new one.

    Args:
        source: The folder.
        target: The copy; a folder that exists there is replaced.
        exclude: Paths of files, relative to `source`, that are not copied.
    """
    remove(target)
    for folder, _, names in tf.io.gfile.walk(source):
        relative = os.path.relpath(folder, source)
        copy = target if relative == "." else os.path.join(target, relative)
        tf.io.gfile.makedirs(copy)
        for name in names:
            if os.path.normpath(os.path.join(relative, name)) not in exclude:
                tf.io.gfile.copy(os.path.join(folder, name), os.path.join(copy, name))


def folder_digest(folder: str, exclude: Collection[str] = ()) -> str:
    """Returns sixteen hex digits that change whenever a file of the folder does.

    Args:
        folder: The folder; where it lies does not matter.
        exclude: Paths of files, relative to `folder`, that do not count.
    """
    digest = hashlib.sha256()
    for parent, _, names in sorted(tf.io.gfile.walk(folder)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, folder)
            if relative in exclude:
                continue
            with tf.io.gfile.GFile(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            digest.update(f"{relative} {content}\n".encode())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """Yields the path of a local file, or of a temporary copy of a remote one.

    Raises:
        FileNotFoundError: There is no such file.
        LocationError: It cannot be copied, or nothing answers there.
    """
    location = Location(path)
    if not location.is_remote:
        if not os.path.isfile(location):
            raise FileNotFoundError(path)
        yield location
        return
    location.refuse_web()
    with tempfile.TemporaryDirectory(prefix="kinescribe-") as folder:
        copy = os.path.join(folder, location.name)
        try:
            # A copy's own retries go on for minutes where nobody answers.
            filesystems.answered(path, lambda: tf.io.gfile.stat(location))
            tf.io.gfile.copy(location, copy)
        except tf.errors.NotFoundError as error:
            raise FileNotFoundError(path) from error
        except tf.errors.OpError as error:
            raise LocationError(path, failures.reason(error)) from error
        yield copy
