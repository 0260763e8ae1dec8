"""`WorkingFolder`: where uploads lie while they are captioned, and no longer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

_PREFIX = "kinescribe-web-"
_LOCK = "lock"


class WorkingFolder:
    """A folder of one process; those that killed processes left behind are removed.

    A lock tells whose process lives: the system frees it however that ends.

    Args:
        parent: Where the folder is made; the system's own place if empty.
    """

    def __init__(self, parent: str = ""):
        place = pathlib.Path(parent or tempfile.gettempdir())
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(f"{_PREFIX}*"):
            _remove_if_left(left)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        self._lock = (self.path / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def file(self) -> Iterator[pathlib.Path]:
        """Yields the name of a file that is gone afterwards."""
        handle, name = tempfile.mkstemp(dir=self.path)
        os.close(handle)
        try:
            yield pathlib.Path(name)
        finally:
            pathlib.Path(name).unlink(missing_ok=True)

    def files(self) -> list[str]:
        """Returns the names of the uploads that lie here just now."""
        return [path.name for path in self.path.iterdir() if path.name != _LOCK]

    def close(self) -> None:
        """Removes the folder and all that lies in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _remove_if_left(folder: pathlib.Path) -> None:
    try:
        with (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # its process lives, or it is another user's
