"""What a process holds, which many bad calls must leave as it was."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import threading
import time
from collections.abc import Iterator

_PATIENCE = 30.0  # seconds, until connections are closed and threads have ended


@contextlib.contextmanager
def no_leak(mib: float = 48.0) -> Iterator[None]:
    """Holds that files, threads and memory are as before, once all is quiet again.

    Args:
        mib: What memory may grow by, which allocators keep for the next call.
    """
    files, threads, memory = _files(), threading.active_count(), _memory_mib()
    yield
    deadline = time.monotonic() + _PATIENCE
    while _files() > files + 2 or threading.active_count() > threads + 2:
        assert time.monotonic() < deadline, (
            f"files {files} → {_files()}, threads {threads} → "
            f"{threading.active_count()}"
        )
        time.sleep(0.1)
    gc.collect()
    assert _memory_mib() < memory + mib


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory_mib() -> float:
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024
