"""Jobs: uploads that are captioned, how far they are, and what came of them."""

from __future__ import annotations

import collections
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from serving.web.answers import Captions, JobState
from serving.web.config import WebLimits
from serving.web.refusals import WebError

Status = Literal["waiting", "running", "done", "failed", "cancelled"]


class Job:
    """An upload on its way to captions; threads and requests look at it."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(16)  # whoever has it may see the result
        self.total = 0
        self.done = 0
        self.captions: Captions | None = None
        self.error: WebError | None = None
        self.ended_at = 0.0
        self.finished: Future[None] = Future()
        self._started = False
        self._cancelled = threading.Event()

    @property
    def status(self) -> Status:
        """How far the job is, in one word."""
        if self.captions is not None:
            return "done"
        if self._cancelled.is_set():
            return "cancelled"
        if self.error is not None:
            return "failed"
        return "running" if self._started else "waiting"

    @property
    def state(self) -> JobState:
        """How far it is, as a caller is told."""
        return JobState(
            id=self.id,
            status=self.status,
            done=self.done,
            total=self.total,
            error=str(self.error or ""),
        )

    def cancel(self) -> None:
        """Asks it to end; it does within moments."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Returns whether nobody wants it any more."""
        return self._cancelled.is_set()

    def begin(self) -> None:
        """Says that its turn has come."""
        self._started = True


class JobBoard:
    """The jobs of a gateway: some run, some wait, some have ended and are kept.

    Jobs of one clip never wait for long videos alone: of several decoders, one is left
    to them.

    Args:
        decoders: How many uploads are decoded at once.
        limits: How many jobs there may be, and how long results are kept.
        clock: Returns seconds; another one in tests.
    """

    def __init__(
        self,
        decoders: int,
        limits: WebLimits,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._limits = limits
        self._clock = clock
        self._short = ThreadPoolExecutor(decoders, "clip")
        self._long = ThreadPoolExecutor(max(1, decoders - 1), "video")
        self._jobs: collections.OrderedDict[str, Job] = collections.OrderedDict()
        self._lock = threading.Lock()

    def check_room(self) -> None:
        """Raises `WebError` if there are so many jobs that no other is taken."""
        with self._lock:
            if self._unfinished() >= self._limits.jobs:
                raise WebError(
                    429, f"{self._limits.jobs} uploads are under way; try again later."
                )

    def submit(
        self,
        work: Callable[[Job], Captions],
        is_long: bool,
        cleanup: Callable[[], None],
    ) -> Job:
        """Takes a job, whose work runs in a thread when its turn comes.

        Args:
            work: Returns the captions.
            is_long: Whether it is of a video that is cut into many clips.
            cleanup: Called when it has ended, whatever came of it.
        """
        job = Job()
        with self._lock:
            self._jobs[job.id] = job
            self._forget()

        def run() -> None:
            try:
                if not job.is_cancelled():
                    job.begin()
                    job.captions = work(job)
            except WebError as error:
                job.error = error
            finally:
                cleanup()
                job.ended_at = self._clock()
                job.finished.set_result(None)

        (self._long if is_long else self._short).submit(run)
        return job

    def get(self, job_id: str) -> Job:
        """Returns a job, or raises `WebError`."""
        with self._lock:
            self._forget()
            job = self._jobs.get(job_id)
        if job is None:
            raise WebError(404, "there is no such job; results are kept for a while.")
        return job

    def drop(self, job: Job) -> None:
        """Cancels a job and forgets it."""
        job.cancel()
        with self._lock:
            self._jobs.pop(job.id, None)

    def close(self) -> None:
        """Cancels all jobs, and waits for their ends."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        for threads in (self._short, self._long):
            threads.shutdown()

    def _unfinished(self) -> int:
        return sum(not job.finished.done() for job in self._jobs.values())

    def _forget(self) -> None:
        """Forgets results that are too old or too many, the oldest first."""
        ended = [job for job in self._jobs.values() if job.finished.done()]
        surplus = len(ended) - self._limits.kept_jobs
        for number, job in enumerate(ended):
            age = self._clock() - job.ended_at
            if number < surplus or age > self._limits.kept_seconds:
                del self._jobs[job.id]
