"""Settings of how an extraction runs; they are no part of what features are."""

from __future__ import annotations

from transform.common.config import Config, Field


class ExtractionSettings(Config):
    """Settings of a run of `transform.jobs.extraction_job.extract`.

    `workers` counts the processes on this machine. One works inside the calling
    process, which spares a small job the start of others; 0 times a few clips and takes
    as many as pay, a core each at the most. `beam_options` are any of Beam's own
    (`--runner=DataflowRunner`, …) and win.

    Each process has `clips_together` clips in flight: while networks run on the frames
    of all of them, in batches of a fixed size, the next are decoded. That pays where a
    network leaves cores idle, as on an accelerator; on one that adds up a batch's sums
    in another order, it changes the last bits of values.
    """

    workers: int = Field(0, ge=0)  # processes; 0 for one a core
    clips_together: int = Field(1, ge=1)  # clips that share the networks' batches
    shards: int = Field(4, ge=1)  # files a split
    # share of failed clips that stops the run
    max_failure_ratio: float = Field(0.1, ge=0, le=1)
    beam_options: tuple[str, ...] = ()  # further options of Apache Beam
