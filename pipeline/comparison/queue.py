"""Runs the tasks of a comparison, several at a time; what is done stays done."""

from __future__ import annotations

import concurrent.futures
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from pipeline.comparison.task import Outcome, Task
from transform.common import processes

_THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}


class Failure(NamedTuple):
    """A task that raised an error; it is tried again when the comparison is."""

    task: Task
    reason: str


def unfinished(tasks: Iterable[Task], root: str) -> list[Task]:
    """Returns the tasks that have no outcome yet, in their order."""
    return [
        task for task in tasks if Outcome.read(task.folder(root), task.digest) is None
    ]


def run(tasks: Sequence[Task], root: str, workers: int) -> Iterator[Outcome | Failure]:
    """Runs tasks and yields what came of each as it ends.

    Every worker is a process with one thread of TensorFlow's: models this small gain
    nothing from more. It ends when this process does, however that ends.

    Args:
        tasks: What is to be done.
        root: Folder of the outcomes.
        workers: How many tasks run at a time.

    Raises:
        ProcessEndedError: Somebody, or a machine short of memory, killed a process.
    """
    if not tasks:
        return
    with processes.pool(workers, _begin_worker, (os.getpid(),)) as pool:
        running = {pool.submit(_run, task, root): task for task in tasks}
        for future in concurrent.futures.as_completed(running):
            error = future.exception()
            if error is None:
                yield future.result()
            elif isinstance(error, BrokenProcessPool):
                raise error
            else:
                yield Failure(running[future], f"{type(error).__name__}: {error}")


def _begin_worker(parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **_THREADS})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent, which may have been killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _run(task: Task, root: str) -> Outcome:
    import tensorflow as tf

    from pipeline.comparison import task as tasks

    tf.keras.backend.clear_session()
    return tasks.run(task, root)
