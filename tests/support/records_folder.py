"""A small corpus of real clips, extracted as a user's would be."""

from __future__ import annotations

import pathlib

from tests.support import clips, corpus
from transform.jobs import extraction_job
from transform.jobs.extraction_settings import ExtractionSettings
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling

SPEC = FeatureSpec(
    sampling=FrameSampling(frames=2, window=3),
    features=(
        Flow(size=32),
        FrameGrid(
            name="tiny",
            network="tiny",
            layer="grid",
            size=112,
            grid=(7, 7),
            width=64,
        ),
    ),
)
IDS = ("whole", "short", "another", "third")  # two train, one val, one test


def write(folder: pathlib.Path) -> pathlib.Path:
    """Renders and extracts four clips; returns the folder of their records."""
    for index, name in enumerate(IDS):
        clips.write(folder / f"{name}.mp4", 20 + index)
    records = folder / "records"
    extraction_job.extract(
        corpus.annotate(folder, IDS),
        SPEC,
        store=str(folder / "store"),
        out=str(records),
        settings=ExtractionSettings(workers=1),
    )
    return records
