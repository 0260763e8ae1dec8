"""Dynamic batching: the rows of several requests share one run of the graph."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from serving.server.config import BatchingConfig

Arrays = Mapping[str, np.ndarray]


class _Request(NamedTuple):
    inputs: Arrays
    rows: int
    arrived: float
    future: Future[Arrays]


class Batcher:
    """Runs a function on arrays that several callers submit.

    All inputs and outputs have the batch on axis 0, and inputs agree in their other
    axes. If a batch fails, its requests run one by one, so that each gets its own
    result or its own error.

    Args:
        run: The function.
        config: The largest batch and the longest wait.
        observe: Called with the number of rows of every run.
    """

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        config: BatchingConfig,
        observe: Callable[[int], None] = lambda rows: None,
    ):
        self._run = run
        self._config = config
        self._observe = observe
        self._waiting: collections.deque[_Request] = collections.deque()
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, inputs: Arrays) -> Future[Arrays]:
        """Queues a request; it is not run if its future is cancelled."""
        rows = len(next(iter(inputs.values())))
        request = _Request(inputs, rows, time.monotonic(), Future())
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(request)
            self._changed.notify()
        return request.future

    def close(self) -> None:
        """Runs the requests that are waiting and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while requests := self._gather():
            batch = [r for r in requests if r.future.set_running_or_notify_cancel()]
            if batch:
                self._run_batch(batch)

    def _gather(self) -> list[_Request]:
        """Waits for a batch; an empty one means that the batcher is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return []
            deadline = self._waiting[0].arrived + self._config.max_wait_seconds
            while not self._closed and self._rows() < self._config.max_rows:
                if (remaining := deadline - time.monotonic()) <= 0:
                    break
                self._changed.wait(remaining)
            batch = [self._waiting.popleft()]
            rows = batch[0].rows
            while (
                self._waiting and rows + self._waiting[0].rows <= self._config.max_rows
            ):
                batch.append(self._waiting.popleft())
                rows += batch[-1].rows
            return batch

    def _rows(self) -> int:
        return sum(request.rows for request in self._waiting)

    def _run_batch(self, batch: list[_Request]) -> None:
        try:
            outputs = self._run_rows(
                {
                    name: np.concatenate([request.inputs[name] for request in batch])
                    for name in batch[0].inputs
                }
            )
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for request in batch:
                self._run_batch([request])
            return
        start = 0
        for request in batch:
            end = start + request.rows
            request.future.set_result(
                {name: values[start:end] for name, values in outputs.items()}
            )
            start = end

    def _run_rows(self, inputs: Arrays) -> Arrays:
        self._observe(len(next(iter(inputs.values()))))
        return self._run(inputs)
