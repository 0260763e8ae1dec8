"""Tracks the work of a job through a folder of files that all workers can reach.

Beam says nothing of a running job, nor which clip a worker had when it died. Here lies
a file for each clip that is claimed, and one for each process: how many it finished.
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


class WorkTracker:
    """Tracks which clips a job's workers have claimed and how many they finished.

    It may be pickled and sent to the workers.

    Args:
        folder: Folder of the job's files.
    """

    def __init__(self, folder: str):
        self.folder = folder

    @contextlib.contextmanager
    def claim(self, record: VideoRecord) -> Iterator[None]:
        """Claims a clip while the block runs, and counts it as finished after that."""
        claim = os.path.join(self.folder, f"{uuid.uuid4().hex}.claim")
        storage.write(claim, json.dumps(record._replace(captions=())))
        try:
            yield
        finally:
            with contextlib.suppress(tf.errors.NotFoundError):  # the job was given up
                tf.io.gfile.remove(claim)
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
        """Returns how many clips are finished, as far as the processes have told."""
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

    def claimed(self) -> list[VideoRecord]:
        """Returns the claimed clips; after a job, those that its workers left behind.

        They come without their captions.
        """
        records = [VideoRecord(*json.loads(text)) for text in self._texts(".claim")]
        return [
            record._replace(captions=(), labels=tuple(record.labels))
            for record in records
        ]

    def _texts(self, suffix: str) -> Iterator[str]:
        for name in storage.names_in(self.folder):
            if name.endswith(suffix) and not name.startswith("."):
                with (
                    contextlib.suppress(tf.errors.NotFoundError),  # just put down
                    tf.io.gfile.GFile(os.path.join(self.folder, name)) as file,
                ):
                    yield file.read()
