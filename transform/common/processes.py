"""Processes beside this one, which neither outlive an interrupt nor complain of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from transform.common.errors import KinescribeError

_CONTEXT = multiprocessing.get_context("spawn")  # nothing of TensorFlow's is forked


class ProcessEndedError(KinescribeError):
    """Raised where a process that works for this one was killed."""


@contextlib.contextmanager
def pool(
    workers: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[ProcessPoolExecutor]:
    """Yields a pool of processes; an error or an interrupt ends what they do.

    The standard library's would finish everything that was submitted first.

    Args:
        workers: Their number.
        initializer: Called in each of them at first.
        initargs: Its arguments.

    Raises:
        ProcessEndedError: Somebody, or a machine short of memory, killed one of them.
    """
    executor = _Pool(workers, _CONTEXT, initializer=initializer, initargs=initargs)
    try:
        yield executor
    except BaseException as error:
        for process in [*(executor._processes or {}).values()]:
            process.kill()
        executor.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise ProcessEndedError(
                "a process that this one had started was ended from outside, as for "
                "want of memory: take fewer workers or more memory; what is done "
                "stays done."
            ) from error
        raise
    executor.shutdown()


def run_alone(target: Callable[..., object], *arguments: Any) -> int:
    """Runs a function in a process of its own; returns its exit code.

    It is 1 after an exception, of which nothing is printed.
    """
    process = _CONTEXT.Process(target=_quietly, args=(target, *arguments), daemon=True)
    with _interrupts_ignored():
        process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


class _Pool(ProcessPoolExecutor):
    """A pool whose processes start when work is submitted, deaf to interrupts."""

    def submit(self, *arguments: Any, **options: Any) -> Future[Any]:
        with _interrupts_ignored():
            return super().submit(*arguments, **options)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignores Ctrl-C for a moment, and so for good in processes that start in it.

    The terminal sends it to all processes; this one alone is to answer.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, which alone may say
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _quietly(target: Callable[..., object], *arguments: Any) -> None:
    try:
        target(*arguments)
    except Exception:
        raise SystemExit(1) from None
