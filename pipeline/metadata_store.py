"""The database in which runs on this machine note what was done: ML Metadata's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from transform.common.errors import KinescribeError

FILE = "metadata.sqlite"  # in the root of a run on this machine

_SQLITE = b"SQLite format 3\0"


def connection(
    root: str | os.PathLike[str],
) -> metadata_store_pb2.ConnectionConfig:
    """Returns how TFX opens the database of a root, which need not be there yet.

    Raises:
        KinescribeError: The file is no database.
    """
    path = os.path.join(root, FILE)
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        head = file.read(len(_SQLITE))
        if head and head != _SQLITE:
            raise KinescribeError(
                f"{path} is damaged: it is no database. Move it away; a run then does "
                "again what was noted there."
            )
    return metadata.sqlite_metadata_connection_config(path)


@contextlib.contextmanager
def opened(root: str | os.PathLike[str]) -> Iterator[metadata.Metadata]:
    """Yields the database of a root.

    Raises:
        KinescribeError: It cannot be opened.
    """
    handle = metadata.Metadata(connection(root))
    try:
        handle.__enter__()
    except RuntimeError as error:
        reason = " ".join(str(error).rpartition("error: ")[2].split())
        raise KinescribeError(
            f"{os.path.join(root, FILE)} cannot be opened: {reason:.100}."
        ) from error
    try:
        yield handle
    finally:
        handle.__exit__(None, None, None)
