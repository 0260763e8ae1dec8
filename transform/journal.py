"""What the worker processes of this machine are at, told through a folder of files.

Beam says nothing of a running job, nor which clip a worker held when it died. Each
process keeps two small files here: one byte for every finished clip, and the clip that
it holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

from transform.annotations import VideoRecord


class Journal:
    """A job's journal; it may be pickled and sent to the workers."""

    def __init__(self, folder: str):
        self.folder = folder

    @contextlib.contextmanager
    def holding(self, record: VideoRecord) -> Iterator[None]:
        """Marks a clip as held while the block runs, and as finished after it."""
        folder = pathlib.Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        held = folder / f"{os.getpid()}.held"
        held.write_text(json.dumps(record))
        try:
            yield
        finally:
            held.unlink()
        with (folder / f"{os.getpid()}.finished").open("ab") as file:
            file.write(b".")

    def finished(self) -> int:
        """How many clips are finished, by all processes."""
        files = pathlib.Path(self.folder).glob("*.finished")
        return sum(file.stat().st_size for file in files)

    def orphans(self) -> list[VideoRecord]:
        """The clips that processes held when they died; each is told once."""
        found = []
        for held in sorted(pathlib.Path(self.folder).glob("*.held")):
            if _runs(int(held.stem)):
                continue
            with contextlib.suppress(json.JSONDecodeError):  # died while writing it
                fields = json.loads(held.read_text())
                fields[VideoRecord._fields.index("captions")] = ()
                found.append(VideoRecord(*fields))
            held.unlink()
        return found


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
