"""`kinescribe extract`."""

from __future__ import annotations

from typing import Annotated

import typer


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
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes, in place of the configuration's; 0 for as many as pay.",
        ),
    ] = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION",
            help="One of Beam's own options, after the configuration's: "
            "--beam=--runner=FlinkRunner; may be repeated.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON.")
    ] = False,
) -> None:
    """Turn annotated clips into records, without a pipeline around it.

    Clips that the store has already are not decoded again, so that an extraction that
    was stopped goes on where it was.
    """
    from kinescribe import outcome
    from pipeline import configs
    from transform import beam_jobs

    settings = configs.find(config)
    extraction = settings.extraction
    if workers is not None:
        extraction = extraction.replace(workers=workers)
    if beam:
        options = (*extraction.beam_options, *beam)
        extraction = extraction.replace(beam_options=options)
    if not as_json:
        typer.echo(
            f"A clip takes up to {settings.features.bytes_in_words()}.", err=True
        )
    manifest = beam_jobs.extract(
        settings.corpus,
        settings.features,
        store=store or settings.feature_store,
        out=out,
        settings=extraction,
    )
    outcome.show(manifest, out, as_json)
