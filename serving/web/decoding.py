"""Decodes uploads in processes of their own, which may fail or be ended at any time.

A process decodes one upload after the other. What it says is JSON, never a pickle:
whoever took it over by a crafted file could not make the gateway run anything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from serving.web.config import WebLimits
from serving.web.refusals import WebError

LOG = logging.getLogger("kinescribe.serving.web")
_LOOK_SECONDS = 0.05  # between looks at whether a job was cancelled
_SOON_SECONDS = 0.5  # for a process to end what nobody wants any more
_START_SECONDS = 300.0  # for TensorFlow to be imported, on a busy machine


class Task(NamedTuple):
    """What is to be decoded of an upload, and for which model."""

    path: str
    name: str  # what messages call it
    spec_json: str
    attention_json: str
    segments: str | float | None  # as `clip_parts.Cut`; infinite for whole clips
    start: float | None
    end: float | None
    category: str
    clips: int  # at most, that it may be cut into


class Decoders:
    """Some processes that decode; one that failed is replaced by a new one.

    Args:
        count: How many.
        limits: Of time and memory.
    """

    def __init__(self, count: int, limits: WebLimits):
        self._limits = limits
        self._free: queue.Queue[_Process] = queue.Queue()
        self._closed = False
        for _ in range(count):
            self._free.put(_Process(limits.memory_bytes))

    def decode(
        self, task: Task, cancelled: Callable[[], bool]
    ) -> Iterator[list[dict[str, Any]]]:
        """Yields what a process says of an upload, as many messages as have come.

        Args:
            task: What is decoded.
            cancelled: Asked again and again; True ends it.

        Raises:
            WebError: It took too long or too much memory, was cancelled, or failed.
        """
        process = self._take(cancelled)
        whole = False
        try:
            yield from process.run(task, self._limits, cancelled)
            whole = True
        finally:
            # Where the server failed, nothing is wrong with the process.
            if self._closed or not (whole or process.is_done_soon()):
                process.end()
                if not self._closed:
                    process = _Process(self._limits.memory_bytes)
            self._free.put(process)

    def close(self) -> None:
        """Ends the processes, whatever they do just now."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait().end()

    def _take(self, cancelled: Callable[[], bool]) -> _Process:
        while True:
            if cancelled() or self._closed:
                raise _cancelled()
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=_LOOK_SECONDS)


class _Process:
    """A process that decodes, and the connection to it."""

    def __init__(self, memory_bytes: int):
        self._connection, theirs = multiprocessing.Pipe()
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "serving.web.decoder_main"]
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(memory_bytes)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=environment,
        )
        theirs.close()
        self._is_ready = self._has_task = False

    def run(
        self, task: Task, limits: WebLimits, cancelled: Callable[[], bool]
    ) -> Iterator[list[dict[str, Any]]]:
        """Yields the messages about an upload; see `Decoders.decode`."""
        end = time.monotonic() + limits.job_seconds
        if not self._is_ready:
            self._receive(_START_SECONDS, cancelled, task)
            self._is_ready = True
        self._has_task = True
        try:
            self._connection.send_bytes(json.dumps(task._asdict()).encode())
        except OSError as error:
            raise self._died(task) from error
        # Scenes are found before the first clip, which takes as long as the video.
        patience = limits.job_seconds if task.segments == "scenes" else None
        while True:
            left = min(patience or limits.clip_seconds, end - time.monotonic())
            messages = [self._receive(left, cancelled, task)]
            while len(messages) < limits.clips and self._connection.poll():
                messages.append(self._receive(left, cancelled, task))
            patience = None
            done = messages[-1]["kind"] == "done"
            self._has_task = not done
            yield messages[:-1] if done else messages
            if done:
                return

    def is_done_soon(self) -> bool:
        """Passes over what is left of a task; returns whether that ends in a moment."""
        if not self._has_task:
            return self._process.poll() is None
        end = time.monotonic() + _SOON_SECONDS
        with contextlib.suppress(EOFError, OSError, ValueError):
            while self._connection.poll(max(0.0, end - time.monotonic())):
                if json.loads(_bytes_of(self._connection))["kind"] == "done":
                    self._has_task = False
                    return True
        return False

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _receive(
        self, seconds: float, cancelled: Callable[[], bool], task: Task
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        try:
            while not self._connection.poll(_LOOK_SECONDS):
                if cancelled():
                    raise _cancelled()
                if time.monotonic() > deadline:
                    raise WebError(
                        422,
                        f"cannot decode {task.name}: it takes longer than it may here.",
                    )
            return json.loads(_bytes_of(self._connection))
        except (EOFError, OSError) as error:
            raise self._died(task) from error

    def _died(self, task: Task) -> WebError:
        code = self._process.poll()
        LOG.warning("a decoding process ended with code %s", code)
        return WebError(
            422,
            f"cannot decode {task.name}: the decoder failed, or needs more memory than "
            "it may have here.",
        )


def _bytes_of(connection: Connection) -> bytes:
    return connection.recv_bytes(2**30)


def _cancelled() -> WebError:
    return WebError(499, "the job was cancelled.")
