"""`held`: lets one writer at a time into a folder, whatever machines they are on.

Each writer writes an entry of its own, `<folder>/.lease/<owner>.json`, and then looks
at all of them: it holds the folder if there is no other. Of two that come at the same
time, the later to write sees the earlier, so that never both go on; if both see each
other, both withdraw and try again. So nothing more is asked of a file system than that
it lists what was written, which buckets do as disks do. An entry is renewed while its
holder works and ends by itself if that is killed.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config
from transform.common.errors import KinescribeError

FOLDER = ".lease"
SECONDS = 600.0  # that an entry holds unless it is renewed
_RENEWALS = 5  # within that time


class LeaseError(KinescribeError):
    """Raised where somebody else writes to a folder, or has taken it over."""


class Holder(Config):
    """Who writes to a folder, and until when nobody else may."""

    owner: str
    host: str
    pid: int  # on that host
    since: float  # seconds since 1970
    until: float


class Lease:
    """A folder that is held by this owner."""

    def __init__(self, folder: str, entry: Holder, seconds: float):
        self._path = _path(folder, entry.owner)
        self._folder = folder
        self._entry = entry
        self._seconds = seconds
        self._lost = False

    def renew(self) -> None:
        """Holds the folder for as long again, if nobody else has come meanwhile."""
        now = time.time()
        mine = _read(self._path)
        # Whoever comes removes what has run out, so that an absent entry tells of one.
        if mine is None or (mine.until < now and others(self._folder, mine.owner)):
            self._lost = True
        if self._lost:
            return
        self._entry = self._entry.replace(until=now + self._seconds)
        storage.write(self._path, self._entry.to_json())

    def check(self) -> None:
        """Raises `LeaseError` if the folder is not this owner's any more.

        A process that was asleep for longer than its entry held may have lost it.
        """
        mine = _read(self._path)
        if self._lost or mine is None or mine.until < time.time():
            raise LeaseError(
                f"the lease of {self._folder} ran out while this process was not "
                "heard of, and others may have written since: run it again."
            )

    def release(self) -> None:
        """Lets others write to the folder."""
        _remove(self._path)


@contextlib.contextmanager
def held(
    folder: str,
    owner: str = "",
    *,
    seconds: float = SECONDS,
    wait: float = 0.0,
    release: bool = True,
) -> Iterator[Lease]:
    """Holds a folder while the block runs, and renews the entry meanwhile.

    Args:
        folder: The folder; the entries lie in it.
        owner: Several processes of one owner hold a folder together, as the tasks of
            one run; by default nobody but this block does.
        seconds: That the entry holds after its last renewal.
        wait: Seconds to wait for another owner.
        release: Whether others may come in at once when the block ends; else when the
            entry runs out, or `release` is called.

    Raises:
        LeaseError: Somebody else holds it, and did so while this waited.
    """
    owner = owner or f"{socket.gethostname()}-{os.getpid()}-{random.randrange(10**9)}"
    lease = _acquire(folder, owner, seconds, time.monotonic() + wait)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(seconds / _RENEWALS):
            # What fails now may work the next time, well before the entry runs out.
            with contextlib.suppress(tf.errors.OpError, OSError):
                lease.renew()

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        stop.set()
        heart.join()
        if release:
            lease.release()
        else:
            lease.renew()


def release(folder: str, owner: str) -> None:
    """Gives up an owner's entry, if there is one."""
    _remove(_path(folder, owner))


def others(folder: str, owner: str = "") -> list[Holder]:
    """Returns the entries of other owners that still hold, the oldest first."""
    found = []
    for name in storage.names_in(os.path.join(folder, FOLDER)):
        path = os.path.join(folder, FOLDER, name)
        if not name.endswith(".json") or path == _path(folder, owner):
            continue
        entry = _read(path)
        if entry is None:
            continue
        if entry.until < time.time() or _is_dead(entry):
            _remove(path)
        else:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.since)


def _acquire(folder: str, owner: str, seconds: float, deadline: float) -> Lease:
    path = _path(folder, owner)
    while True:
        now = time.time()
        earlier = _read(path)  # of another process of this owner
        mine = earlier if earlier and earlier.until >= now else None
        entry = Holder(
            owner=owner,
            host=socket.gethostname(),
            pid=os.getpid(),
            since=mine.since if mine else now,
            until=now + seconds,
        )
        if mine or not (holders := others(folder, owner)):
            storage.write(path, entry.to_json())
            # Looked for again, since somebody may have claimed it at the same time.
            if mine or not (holders := others(folder, owner)):
                return Lease(folder, entry, seconds)
            _remove(path)
        if time.monotonic() >= deadline:
            raise LeaseError(_sentence(folder, holders[0]))
        time.sleep(random.uniform(0.05, 0.5))


def _is_dead(entry: Holder) -> bool:
    """Returns whether its process was on this very machine and is not any more."""
    if entry.host != socket.gethostname():
        return False
    try:
        os.kill(entry.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # there is one, of somebody else
        return False
    return False


def _sentence(folder: str, entry: Holder) -> str:
    since = datetime.datetime.fromtimestamp(entry.since, datetime.timezone.utc)
    return (
        f"{entry.owner} on {entry.host} holds the lease of {folder} since "
        f"{since:%Y-%m-%d %H:%M:%S} UTC: wait for it to end; if it was killed, the "
        f"lease ends by itself in {max(entry.until - time.time(), 0):.0f} s."
    )


def _path(folder: str, owner: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", owner)
    return os.path.join(folder, FOLDER, f"{name}.json")


def _read(path: str) -> Holder | None:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return Holder.from_json(file.read(), path)
    except tf.errors.NotFoundError:
        return None


def _remove(path: str) -> None:
    with contextlib.suppress(tf.errors.NotFoundError):
        tf.io.gfile.remove(path)
