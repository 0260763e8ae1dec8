"""`Admission`: how many calls are answered at once, and how often each caller calls."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Callable, Iterator

from serving.server.config import LimitsConfig
from serving.server.refusals import Code, RefusalError

_CALLERS = 4096  # whose rates are remembered


class Admission:
    """Lets calls in up to a limit and refuses the others at once.

    All its methods are called from one thread, that of the event loop.

    Args:
        limits: How many calls, and how many a second of one caller.
        observe: Told of each refusal's reason: "calls", "rate" or "stopping".
        clock: Returns seconds; another one in tests.
    """

    def __init__(
        self,
        limits: LimitsConfig,
        observe: Callable[[str], None] = lambda reason: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._limits = limits
        self._observe = observe
        self._clock = clock
        self._buckets: collections.OrderedDict[str, tuple[float, float]]
        self._buckets = collections.OrderedDict()  # caller → tokens, at
        self.in_progress = 0
        self.stopping = False

    @contextlib.contextmanager
    def enter(self, caller: str) -> Iterator[None]:
        """Counts a call while the block runs, or raises `RefusalError`.

        Args:
            caller: Who calls: a token's digest, or an address.
        """
        if self.stopping:
            self._refuse(Code.UNAVAILABLE, "stopping", "the server is shutting down")
        if self.in_progress >= self._limits.calls:
            self._refuse(
                Code.RESOURCE_EXHAUSTED,
                "calls",
                f"{self._limits.calls} calls are under way; try again later",
            )
        if not self._within_rate(caller):
            self._refuse(
                Code.RESOURCE_EXHAUSTED,
                "rate",
                f"more than {self._limits.calls_per_second:g} calls a second",
            )
        self.in_progress += 1
        try:
            yield
        finally:
            self.in_progress -= 1

    def _refuse(self, code: Code, reason: str, sentence: str) -> None:
        self._observe(reason)
        raise RefusalError(code, sentence)

    def _within_rate(self, caller: str) -> bool:
        """Takes a token of the caller's bucket, which holds those of one second."""
        rate = self._limits.calls_per_second
        if rate is None:
            return True
        now, size = self._clock(), max(rate, 1.0)
        tokens, at = self._buckets.pop(caller, (size, now))
        tokens = min(size, tokens + rate * (now - at))
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - allowed, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return allowed
