"""Runs networks on the frames of several clips at once.

Threads that each extract a clip meet in a `ClipBatcher`: what they give to one network
goes through it together, in batches of a fixed size. The last batch is padded with
zeros, so that a frame's values do not depend on the clips it was run with.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np

Network = Callable[[np.ndarray], tuple[np.ndarray, ...]]  # (N, …) → each (N, …)


def run(network: Network, values: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
    """Runs a network, `size` rows at a time, and returns its outputs.

    In the block of a `ClipBatcher`, rows of other clips fill the batches; elsewhere the
    last batch is what is left.

    Args:
        network: one that lives as long as the process.
        values: (N, …).
        size: of a batch; the same at every call with this network and this shape.
    """
    batcher = _current.get()
    if batcher is not None:
        return batcher.run(network, values, size)
    parts = [network(values[n : n + size]) for n in range(0, len(values), size)]
    return joined(parts)


def joined(parts: Iterable[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Joins the results of batches, output by output."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


class ClipBatcher:
    """Collects the rows that threads give to a network into common batches.

    with batcher.clip():  # in each thread
        extractor.extract(path)
    """

    def __init__(self) -> None:
        # Held while a network runs, too: threads decode meanwhile, and one network at
        # a time has the cores, or the accelerator, to itself.
        self._changed = threading.Condition()
        self._coming = 0  # threads that may bring more, as they do not wait
        self._queues: dict[tuple, list[_Rows]] = {}

    @contextlib.contextmanager
    def clip(self) -> Iterator[None]:
        """Lets this thread's calls of `run` wait for those of other threads."""
        token = _current.set(self)
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            _current.reset(token)
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def run(
        self, network: Network, values: np.ndarray, size: int
    ) -> tuple[np.ndarray, ...]:
        """Does the work of `batching.run` within a block of `clip`."""
        mine = _Rows(values)
        with self._changed:
            queue = self._queues.setdefault((network, values.shape[1:]), [])
            queue.append(mine)
            self._coming -= 1
            self._changed.notify_all()
            while mine.missing:
                if sum(rows.missing for rows in queue) >= size or not self._coming:
                    self._run_batch(network, queue, size)
                else:
                    self._changed.wait()
        if mine.error is not None:
            raise mine.error
        return joined(mine.results)

    def _run_batch(self, network: Network, queue: list[_Rows], size: int) -> None:
        """Runs a batch of the queue's first rows; threads with all of theirs go on."""
        taken: list[tuple[_Rows, np.ndarray]] = []
        room = size
        while queue and room:
            part = queue[0].take(room)
            taken.append((queue[0], part))
            room -= len(part)
            if not queue[0].missing:
                queue.pop(0)
                self._coming += 1
        batch = np.concatenate([part for _, part in taken])
        padding = [(0, room), *[(0, 0)] * (batch.ndim - 1)]
        try:
            results = network(np.pad(batch, padding))
        except Exception as error:  # each thread has its own to raise
            for rows, _ in taken:
                rows.error = error
        else:
            first = 0
            for rows, part in taken:
                last = first + len(part)
                rows.results.append(tuple(values[first:last] for values in results))
                first = last
        self._changed.notify_all()


class _Rows:
    """The rows of one thread, and the results that it waits for."""

    def __init__(self, values: np.ndarray):
        self._values = values
        self.results: list[tuple[np.ndarray, ...]] = []
        self.error: Exception | None = None

    @property
    def missing(self) -> int:
        """Number of rows that no batch has taken."""
        return len(self._values)

    def take(self, most: int) -> np.ndarray:
        """Removes and returns the next rows, `most` at the most."""
        part, self._values = self._values[:most], self._values[most:]
        return part


_current: contextvars.ContextVar[ClipBatcher | None] = contextvars.ContextVar(
    "_current", default=None
)
