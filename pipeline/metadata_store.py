"""The database in which runs on this machine note what was done: ML Metadata's."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from transform.common.errors import KinescribeError

FILE = "metadata.sqlite"  # in the root of a run on this machine

_SQLITE = b"SQLite format 3\0"
_LOST = "kinescribe.LostExecution"  # the type of what an earlier database had noted

_log = logging.getLogger(__name__)


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


def skip_used_ids(handle: metadata.Metadata, artifacts: pathlib.Path) -> int:
    """Lets ids go on after those of folders that the database knows nothing of.

    A database that was lost, or put back from a copy, counts from where it is. Its next
    executions would write into folders that are full, where stages fail or mix files.

    Args:
        handle: The database, opened.
        artifacts: The folder of artifacts: `<stage>/<output>/<id of the execution>`.

    Returns:
        How many ids were skipped.
    """
    folders = artifacts.glob("*/*/*")
    used = max((int(f.name) for f in folders if f.name.isdecimal()), default=0)
    store = handle.store
    known = max((execution.id for execution in store.get_executions()), default=0)
    if used <= known:
        return 0
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name=_LOST))
    canceled = metadata_store_pb2.Execution.CANCELED
    lost = metadata_store_pb2.Execution(type_id=kind, last_known_state=canceled)
    store.put_executions([lost] * (used - known))
    _log.warning(
        "the notes of runs up to number %d are lost: their stages run again, beside "
        "what is in %s.",
        used,
        artifacts,
    )
    return used - known
