"""The command `kinescribe import-features`, which makes records of features."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe import preflight, run_options
from kinescribe.extraction_options import (
    BeamOptions,
    RecordsFile,
    Workers,
    override_settings,
)


def command(
    config: RecordsFile,
    out: Annotated[str, typer.Option(help="Folder for the records and the manifest.")],
    workers: Workers = None,
    beam: BeamOptions = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON.")
    ] = False,
) -> None:
    """Turn features that exist already into records, without the videos.

    Each feature of kind `imported` says by `files` where it lies: a .npy or .npz file a
    clip, or an HDF5 file for all. Features of the clips themselves are joined to
    imported ones by `kinescribe extract` and `kinescribe run`.
    """
    preflight.require("import", run_options.RunArguments(config), out)

    from kinescribe.manifest_summary import print_summary
    from pipeline import joint_configs
    from transform.jobs import extraction_job

    settings, _ = joint_configs.find_records(config)
    extraction = override_settings(settings.extraction, workers, beam)
    manifest = extraction_job.extract(
        settings.corpus,
        settings.features,
        store=out,  # nothing is extracted, and nothing stored
        out=out,
        settings=extraction,
    )
    print_summary(manifest, out, as_json)
