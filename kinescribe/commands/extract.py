"""The command `kinescribe extract`, which turns clips into records."""

from __future__ import annotations

from typing import Annotated

import typer

from kinescribe.extraction_options import BeamOptions, Workers, override_settings


def command(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or the name of a shipped one.")
    ],
    out: Annotated[str, typer.Option(help="Folder for the records and the manifest.")],
    store: Annotated[
        str,
        typer.Option(
            help="Folder that keeps features between runs, in place of the "
            "configuration's."
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
    from kinescribe.manifest_summary import print_summary
    from pipeline import configs
    from transform.jobs import extraction_job

    settings = configs.find(config)
    extraction = override_settings(settings.extraction, workers, beam)
    if not as_json:
        typer.echo(
            f"A clip takes up to {settings.features.bytes_in_words()}.", err=True
        )
    manifest = extraction_job.extract(
        settings.corpus,
        settings.features,
        store=store or settings.feature_store,
        out=out,
        settings=extraction,
    )
    print_summary(manifest, out, as_json)
