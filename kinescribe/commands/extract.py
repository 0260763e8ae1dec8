"""The command `kinescribe extract`, which turns clips into records."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from kinescribe import preflight, run_options
from kinescribe.extraction_options import BeamOptions, Workers, override_settings


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file with `corpus` and `features`, a whole run's as well, or "
            "the name of a shipped one."
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for the records and the manifest.")],
    store: Annotated[
        str,
        typer.Option(
            help="Folder that keeps features between runs; by default <root>/features "
            "of a run's configuration, and <out>/.features without one."
        ),
    ] = "",
    workers: Workers = None,
    beam: BeamOptions = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON.")
    ] = False,
) -> None:
    """Turn annotated clips into records, without a pipeline around it.

    Clips that the store has already are not decoded again, so that an extraction that
    was stopped goes on where it was.
    """
    preflight.require("extract", run_options.RunArguments(config), out)

    from kinescribe.manifest_summary import print_summary
    from pipeline import joint_configs
    from transform.jobs import extraction_job

    settings, kept = joint_configs.find_records(config)
    extraction = override_settings(settings.extraction, workers, beam)
    if not as_json:
        typer.echo(
            f"A clip takes up to {settings.features.bytes_in_words()}.", err=True
        )
    manifest = extraction_job.extract(
        settings.corpus,
        settings.features,
        store=store or kept or os.path.join(out, ".features"),
        out=out,
        settings=extraction,
    )
    print_summary(manifest, out, as_json)
