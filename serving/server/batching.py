"""Dynamic batching: the rows of several requests share one run of the graph."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import NamedTuple

import numpy as np

from serving.server.config import BatchingConfig
from serving.server.refusals import Code, RefusalError

Arrays = Mapping[str, np.ndarray]


class Answer(NamedTuple):
    """The outputs of a request, and how long it took."""

    outputs: Arrays
    queue_seconds: float  # until its first row ran
    run_seconds: float  # of the runs that its rows took part in


class _Request:
    """A request with what of it has run so far."""

    def __init__(self, inputs: Arrays, deadline: float):
        self.inputs = inputs
        self.rows = len(next(iter(inputs.values())))
        self.arrived = time.monotonic()
        self.deadline = deadline
        self.future: Future[Answer] = Future()  # pending, so cancellable, to the end
        self.done_rows = 0
        self.pieces: list[Arrays] = []
        self.started = 0.0
        self.run_seconds = 0.0

    def is_due(self) -> bool:
        """Returns whether its answer is still wanted; ends it if it is too late."""
        if self.future.cancelled():
            return False
        if time.monotonic() > self.deadline:
            self.fail(FutureTimeoutError())
            return False
        return True

    def add(self, outputs: Arrays, seconds: float) -> None:
        """Takes the outputs of its next rows, and answers after the last."""
        self.pieces.append(outputs)
        self.done_rows += len(next(iter(outputs.values())))
        self.run_seconds += seconds
        if self.done_rows < self.rows or not self.future.set_running_or_notify_cancel():
            return
        joined = (
            self.pieces[0]
            if len(self.pieces) == 1
            else {
                name: np.concatenate([piece[name] for piece in self.pieces])
                for name in outputs
            }
        )
        queued = self.started - self.arrived
        self.future.set_result(Answer(joined, queued, self.run_seconds))

    def fail(self, error: Exception) -> None:
        """Answers with an error, if the answer is still wanted."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class _Slice(NamedTuple):
    """The rows of a request that take part in a run."""

    request: _Request
    start: int
    end: int

    def inputs(self, name: str) -> np.ndarray:
        return self.request.inputs[name][self.start : self.end]


class Batcher:
    """Runs a function on arrays that several callers submit.

    All inputs and outputs have the batch on axis 0, and inputs agree in their other
    axes. A request of more rows than a batch runs in pieces. Between two pieces those
    that fit into a batch have their turn, so that nobody waits for a large request to
    end; large requests take turns with each other. If a batch fails, its requests run
    one by one, so that each gets its own result or its own error.

    Args:
        run: The function.
        config: The largest batch, the longest wait and the longest queue.
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
        self._small: collections.deque[_Request] = collections.deque()
        self._large: collections.deque[_Request] = collections.deque()
        self._large_turn = False
        self._closed = False
        self._run_began: float | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting_rows(self) -> int:
        """The rows that have not run yet."""
        waiting = [*self._small, *self._large]
        return sum(request.rows - request.done_rows for request in waiting)

    @property
    def running_seconds(self) -> float:
        """How long the present run of the function has taken; 0 between runs."""
        began = self._run_began
        return 0.0 if began is None else time.monotonic() - began

    def submit(
        self, inputs: Arrays, deadline: float = threading.TIMEOUT_MAX
    ) -> Future[Answer]:
        """Queues a request; what has not run of it when it is cancelled never does.

        Args:
            inputs: The rows.
            deadline: The reading of `time.monotonic` at which it fails if waiting.
        """
        request = _Request(inputs, deadline)
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            if self.waiting_rows + request.rows > self._config.max_waiting_rows:
                raise RefusalError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{self._config.max_waiting_rows} rows are waiting; "
                    "try again later",
                )
            large = request.rows > self._config.max_rows
            (self._large if large else self._small).append(request)
            self._changed.notify()
        return request.future

    def close(self, timeout: float | None = None) -> bool:
        """Runs the requests that are waiting and ends the thread.

        Returns:
            Whether that was done within the timeout.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while self._wait():
            with self._changed:
                batch = self._take()
            if batch:
                self._run_batch(batch)

    def _wait(self) -> bool:
        """Waits until a batch should run; False means that the batcher is closed."""
        with self._changed:
            while not (self._small or self._large or self._closed):
                self._changed.wait()
            if self._small and not self._large:
                start = self._small[0].arrived + self._config.max_wait_seconds
                while not self._closed and not self._large and not self._is_full():
                    if (remaining := start - time.monotonic()) <= 0:
                        break
                    self._changed.wait(remaining)
            return bool(self._small or self._large)

    def _is_full(self) -> bool:
        return sum(request.rows for request in self._small) >= self._config.max_rows

    def _take(self) -> list[_Slice]:
        """Takes the next batch from the queues; empty if nothing is wanted any more."""
        small = collections.deque(r for r in self._small if r.is_due())
        large = collections.deque(r for r in self._large if r.is_due())
        self._small, self._large = small, large
        if large and (self._large_turn or not small):
            self._large_turn = False
            request = large.popleft()
            start = request.done_rows
            end = min(start + self._config.max_rows, request.rows)
            if end < request.rows:
                large.append(request)
            return [_Slice(request, start, end)]
        self._large_turn = True
        batch: list[_Slice] = []
        rows = 0
        while small and rows + small[0].rows <= self._config.max_rows:
            request = small.popleft()
            batch.append(_Slice(request, 0, request.rows))
            rows += request.rows
        return batch

    def _run_batch(self, batch: list[_Slice]) -> None:
        began = self._run_began = time.monotonic()
        for piece in batch:
            piece.request.started = piece.request.started or began
        try:
            inputs = {
                name: np.concatenate([piece.inputs(name) for piece in batch])
                for name in batch[0].request.inputs
            }
            self._observe(len(next(iter(inputs.values()))))
            outputs = self._run(inputs)
        except Exception as error:
            if len(batch) > 1:
                for piece in batch:
                    self._run_batch([piece])
                return
            with self._changed:
                self._drop(batch[0].request)
            batch[0].request.fail(error)
            return
        finally:
            self._run_began = None
        seconds = time.monotonic() - began
        row = 0
        for request, start, end in batch:
            count = end - start
            rows = {name: values[row : row + count] for name, values in outputs.items()}
            request.add(rows, seconds)
            row += count

    def _drop(self, request: _Request) -> None:
        """Takes a failed request's further pieces out of the queue."""
        if request in self._large:
            self._large.remove(request)
