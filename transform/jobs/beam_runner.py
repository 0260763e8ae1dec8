"""`BeamRunner`: the place where a Beam job runs, and its number of workers."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from transform.common import loopback
from transform.jobs import local_workers
from transform.jobs.extraction_settings import ExtractionSettings

# What a worker process costs before its first clip, mostly to import TensorFlow.
WORKER_START_SECONDS = 12.0
TIMED_ITEMS = 6

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class BeamRunner(NamedTuple):
    """Runs Beam jobs where the settings say, with a suitable number of workers."""

    settings: ExtractionSettings
    pipeline_options: Sequence[str] = ()

    @property
    def local(self) -> bool:
        """Whether the workers are processes of this machine."""
        options = [*self.pipeline_options, *self.settings.beam_options]
        chosen = PipelineOptions(options).view_as(StandardOptions).runner
        return (chosen or "DirectRunner") == "DirectRunner"

    def options(self, workers: int) -> PipelineOptions:
        """Returns Beam's options for so many processes; one works inside this process.

        Other runners take their number of workers from their own options.
        """
        mode = "multi_processing" if workers > 1 else "in_memory"
        local = [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"]
        return PipelineOptions(
            [
                *self.pipeline_options,
                *(local if self.local else []),
                *self.settings.beam_options,
            ]
        )

    @contextlib.contextmanager
    def pipeline(self, workers: int) -> Iterator[beam.Pipeline]:
        """Yields a pipeline with so many processes, which runs at the block's end.

        Raises:
            WorkerEndedError: A process of this machine ended while the job ran.
        """
        loopback.exempt_process()
        with (
            local_workers.watched(),
            beam.Pipeline(options=self.options(workers)) as pipeline,
        ):
            yield pipeline

    def estimate_workers(
        self, items: list[ItemT], work: Callable[[ItemT], ResultT]
    ) -> tuple[list[ResultT], list[ItemT], int]:
        """Times a few items in this process and sizes the pool of workers for the rest.

        Nothing is timed where the number of workers is set.

        Returns:
            The results so far, the items that are left, and how many workers those are
            worth.
        """
        workers = self.settings.workers
        results: list[ResultT] = []
        if not workers and self.local:
            timed, items = items[:TIMED_ITEMS], items[TIMED_ITEMS:]
            seconds: list[float] = []
            for item in timed:
                began = time.process_time()
                results.append(work(item))
                seconds.append(time.process_time() - began)
            # The first item loads the networks.
            each = statistics.median(seconds[1:] or [0.0])
            workers = min(int(each * len(items) / WORKER_START_SECONDS), cores())
        return results, items, max(1, min(workers, len(items)))


def cores() -> int:
    """Returns the number of cores that this process may use.

    A container's share of a machine is less than the cores that it sees.
    """
    return min(len(os.sched_getaffinity(0)), cgroup_cores() or sys.maxsize)


def cgroup_cores(folder: str = "/sys/fs/cgroup") -> int:
    """Returns the cores that the control group allows, rounded up; 0 for any number.

    Args:
        folder: Where the control group is mounted, of version 2 or 1.
    """
    group = pathlib.Path(folder)
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (group / "cpu" / f"cpu.cfs_{name}_us").read_text()
                for name in ("quota", "period")
            )
        except OSError:
            return 0
    if quota == "max" or int(quota) <= 0:
        return 0
    return math.ceil(int(quota) / int(period))
