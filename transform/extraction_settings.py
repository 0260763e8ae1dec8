"""How an extraction runs; nothing here changes a feature's value."""

from __future__ import annotations

import pydantic

from transform.config import Config


class ExtractionSettings(Config):
    """Settings of `transform.beam_jobs.extract`.

    `workers` counts the processes on this machine. One works inside the calling
    process, which spares a small job the start of others; 0 times a few clips and takes
    as many as pay, a core each at the most. `beam_options` are any of Beam's own
    (`--runner=DataflowRunner`, …) and win.
    """

    workers: int = pydantic.Field(0, ge=0)
    shards: int = pydantic.Field(4, ge=1)  # files a split
    max_failure_ratio: float = pydantic.Field(0.1, ge=0, le=1)
    beam_options: tuple[str, ...] = ()
