"""Loads, serves, swaps and unloads the versions of a model."""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

import grpc
import tensorflow as tf

from serving.common import errors, model_versions
from serving.common.errors import ServingError
from serving.pushing import rejections
from serving.server.model_configs import LatestVersions, VersionPolicy
from transform.common.errors import KinescribeError

if TYPE_CHECKING:
    from serving.server.servable import Servable

LOG = logging.getLogger("kinescribe.serving")

Code = grpc.StatusCode
_CODES = {code.value[0]: code for code in Code}
_NEWEST = LatestVersions()


class State(enum.Enum):
    """The state of a version, as TensorFlow Serving calls it."""

    LOADING = "loading"
    AVAILABLE = "available"
    UNLOADING = "unloading"
    END = "end"


class VersionStatus(NamedTuple):
    """The state of a version and the error that it ended with."""

    state: State
    error: str = ""  # why it did not load; '' if it did
    code: grpc.StatusCode = Code.OK


class VersionsUnavailableError(ServingError):
    """Versions that a policy names cannot be loaded; what was live stays."""


class _Live:
    """A servable with the number of requests that are using it."""

    def __init__(self, servable: Servable):
        self.servable = servable
        self.users = 0
        self.retired = False


Load = Callable[[int, str], "Servable"]


class ServableManager:
    """Keeps the versions of a model loaded that a policy wants.

    A version is retired only when another is live in its place: better an old model
    than none. `poll`, `change_policy` and `close` come from one thread at a time.

    Args:
        base: The folder of numbered versions.
        load: Loads and warms up a servable, given a version's number and folder.
        policy: Which versions are to be live.
        on_change: Called after the live versions have changed.
        on_failure: Called with the version's number and the error whenever one fails
            to load.
    """

    def __init__(
        self,
        base: str,
        load: Load,
        policy: VersionPolicy = _NEWEST,
        on_change: Callable[[], None] = lambda: None,
        on_failure: Callable[[int, Exception], None] = lambda version, error: None,
    ):
        self.base = base
        self.policy = policy
        self._load = load
        self._on_change = on_change
        self._on_failure = on_failure
        self._failed: dict[int, model_versions.Snapshot] = {}
        self._lock = threading.Lock()  # guards what follows
        self._live: dict[int, _Live] = {}
        self._rejected: set[int] = set()
        self._statuses: dict[int, VersionStatus] = {}

    @property
    def versions(self) -> list[int]:
        """The numbers of the live versions, ascending."""
        with self._lock:
            return sorted(self._live)

    @property
    def version(self) -> int | None:
        """The number of the newest live version, if there is one."""
        return max(self.versions, default=None)

    @property
    def rejected(self) -> int | None:
        """The newest version, if it was passed over for what it is.

        What the server itself is short of rejects no version.
        """
        with self._lock:
            newest = max(self._rejected, default=None)
            if newest is None or newest < max(self._live, default=newest):
                return None
            return newest

    @property
    def waiting_rows(self) -> int:
        """The rows of all live versions that have not run yet."""
        return sum(live.servable.waiting_rows for live in self._lives())

    @property
    def running_seconds(self) -> float:
        """How long the longest of the present runs of all versions has taken."""
        seconds = (live.servable.running_seconds for live in self._lives())
        return max(seconds, default=0.0)

    def statuses(self) -> dict[int, VersionStatus]:
        """Returns the status of every version seen so far, by number."""
        with self._lock:
            return dict(self._statuses)

    @contextlib.contextmanager
    def use(self, version: int | None = None) -> Iterator[Servable | None]:
        """Lends a live servable, which stays loaded until the block ends.

        Args:
            version: Its number; the newest live one, if None.
        """
        with self._lock:
            wanted = max(self._live, default=None) if version is None else version
            live = None if wanted is None else self._live.get(wanted)
            if live:
                live.users += 1
        try:
            yield live.servable if live else None
        finally:
            if live:
                self._give_back(live)

    def poll(self) -> None:
        """Looks at the folder once; loads and retires what the policy wants.

        Versions that failed to load are tried again when their files have changed.
        """
        self._retire_all_but(self._load_wanted(self.policy))

    def change_policy(self, policy: VersionPolicy) -> None:
        """Changes which versions are to be live, and looks at once.

        Raises:
            VersionsUnavailableError: The policy names versions that cannot be loaded;
                the policy and the live versions are as they were.
        """
        before = self.versions
        self._failed.clear()
        with self._lock:
            self._rejected.clear()
        wanted = self._load_wanted(policy)
        if missing := policy.missing(wanted):
            self._retire_all_but(before)
            raise VersionsUnavailableError(
                f"version {missing[0]} of {self.base} cannot be loaded; "
                f"{', '.join(map(str, before)) or 'none'} stays live."
            )
        self.policy = policy
        self._retire_all_but(wanted)

    def close(self, timeout: float | None = None) -> bool:
        """Unloads all the live versions.

        Args:
            timeout: Seconds to wait for the runs of each; None waits for their ends.

        Returns:
            Whether all of them ended.
        """
        ended = [self._retire(version, timeout) for version in self.versions]
        return all(ended)

    def _lives(self) -> list[_Live]:
        with self._lock:
            return [*self._live.values()]

    def _load_wanted(self, policy: VersionPolicy) -> list[int]:
        """Loads what a policy wants; returns which of that is live."""
        folders = model_versions.complete_versions(self.base)
        self._failed = {v: seen for v, seen in self._failed.items() if v in folders}
        with self._lock:
            self._rejected &= folders.keys()
        limit = policy.limit()
        live: list[int] = []
        for version in policy.candidates(folders):
            if limit is not None and len(live) >= limit:
                break
            if version in self.versions or self._try_load(version, folders[version]):
                live.append(version)
        return live

    def _try_load(self, version: int, folder: str) -> bool:
        """Loads a version and makes it live; False if it fails or has before."""
        snapshot = model_versions.snapshot(folder)
        if self._failed.get(version) == snapshot:
            return False
        self._set(version, VersionStatus(State.LOADING))
        try:
            servable = self._load(version, folder)
        except Exception as error:
            sentence = errors.one_sentence(error)
            LOG.error("version %d does not load: %s", version, sentence)
            self._failed[version] = snapshot
            with self._lock:
                self._rejected.discard(version)
                if not rejections.is_passing(error):
                    self._rejected.add(version)
            self._set(version, VersionStatus(State.END, sentence, _code_of(error)))
            self._on_failure(version, error)
            return False
        self._failed.pop(version, None)
        with self._lock:
            self._rejected.discard(version)
            self._live[version] = _Live(servable)
            self._statuses[version] = VersionStatus(State.AVAILABLE)
        LOG.info("version %d is live", version)
        self._on_change()
        return True

    def _retire_all_but(self, wanted: Collection[int]) -> None:
        if not wanted:
            return
        for version in self.versions:
            if version not in wanted:
                self._retire(version)

    def _retire(self, version: int, timeout: float | None = None) -> bool:
        with self._lock:
            live = self._live.pop(version)
            live.retired = True
            unused = live.users == 0
            self._statuses[version] = VersionStatus(State.UNLOADING)
        LOG.info("version %d is no longer live", version)
        self._on_change()
        return self._unload(live, timeout) if unused else True

    def _give_back(self, live: _Live) -> None:
        with self._lock:
            live.users -= 1
            unused = live.retired and live.users == 0
        if unused:  # in a thread, as a run that nobody waits for may be under way
            threading.Thread(
                target=self._unload, args=(live, None), name="unload", daemon=True
            ).start()

    def _unload(self, live: _Live, timeout: float | None) -> bool:
        ended = live.servable.close(timeout)
        with self._lock:
            version = live.servable.version
            if self._statuses[version].state is State.UNLOADING:  # not loaded anew
                self._statuses[version] = VersionStatus(State.END)
        return ended

    def _set(self, version: int, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[version] = status


def _code_of(error: Exception) -> grpc.StatusCode:
    """Returns the status by which TensorFlow Serving would tell of a failed load."""
    if isinstance(error, tf.errors.OpError):
        return _CODES.get(error.error_code, Code.INTERNAL)
    if isinstance(error, KinescribeError):
        return Code.FAILED_PRECONDITION
    return Code.NOT_FOUND if isinstance(error, OSError) else Code.INTERNAL
