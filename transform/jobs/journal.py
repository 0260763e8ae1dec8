"""What a job's workers are at, told through a folder of files that all can reach.

Beam says nothing of a running job, nor which clip a worker held when it died. Here
lies a file for each clip that is held, and one for each process: how many it finished.
Neither process ids nor a common parent are relied on, so that the workers may be
threads, or containers on other machines.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import tensorflow as tf

from transform.common import storage
from transform.datasets import VideoRecord

# Object stores refuse to replace a file more often.
SECONDS_BETWEEN_COUNTS = 1.0
SECONDS_BETWEEN_LOOKS = 0.5

# Told apart by chance: every container has a process 1.
_PROCESS = uuid.uuid4().hex
_finished: collections.Counter[str] = collections.Counter()  # by folder
_written: dict[str, float] = {}
_lock = threading.Lock()


class Journal:
    """A job's journal; it may be pickled and sent to the workers."""

    def __init__(self, folder: str):
        self.folder = folder

    @contextlib.contextmanager
    def holding(self, record: VideoRecord) -> Iterator[None]:
        """Marks a clip as held while the block runs, and as finished after it."""
        held = os.path.join(self.folder, f"{uuid.uuid4().hex}.held")
        storage.write(held, json.dumps(record._replace(captions=())))
        try:
            yield
        finally:
            with contextlib.suppress(tf.errors.NotFoundError):  # the job was given up
                tf.io.gfile.remove(held)
        self._count()

    def _count(self) -> None:
        with _lock:
            _finished[self.folder] += 1
            now = time.monotonic()
            if now - _written.get(self.folder, -1e9) < SECONDS_BETWEEN_COUNTS:
                return
            _written[self.folder] = now
            path = os.path.join(self.folder, f"{_PROCESS}.finished")
            storage.write(path, str(_finished[self.folder]))

    def finished(self) -> int:
        """How many clips are finished, as far as the processes have told."""
        return sum(int(text) for text in self._texts(".finished"))

    @contextlib.contextmanager
    def watched(self, report: Callable[[int], None]) -> Iterator[None]:
        """Reports how many clips are finished while the block runs."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(SECONDS_BETWEEN_LOOKS):
                report(self.finished())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            report(self.finished())

    def held(self) -> list[VideoRecord]:
        """The clips that are held; after a job, those that its workers left behind.

        They come without their captions.
        """
        found = [VideoRecord(*json.loads(text)) for text in self._texts(".held")]
        return [record._replace(captions=()) for record in found]

    def _texts(self, suffix: str) -> Iterator[str]:
        for name in storage.names_in(self.folder):
            if name.endswith(suffix) and not name.startswith("."):
                with (
                    contextlib.suppress(tf.errors.NotFoundError),  # just put down
                    tf.io.gfile.GFile(os.path.join(self.folder, name)) as file,
                ):
                    yield file.read()
