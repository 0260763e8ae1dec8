"""`kinescribe extract`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from transform.manifest import Manifest


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
    from pipeline import configs
    from transform import beam_jobs

    settings = configs.find(config)
    extraction = settings.extraction
    if workers is not None:
        extraction = extraction.replace(workers=workers)
    if beam:
        options = (*extraction.beam_options, *beam)
        extraction = extraction.replace(beam_options=options)
    manifest = beam_jobs.extract(
        settings.corpus,
        settings.features,
        store=store or settings.feature_store,
        out=out,
        settings=extraction,
    )
    if as_json:
        counts = {
            "out": out,
            "coverage": manifest.coverage(),
            "counts": manifest.counts(),
            "reasons": dict(manifest.reasons()),
        }
        typer.echo(json.dumps(counts))
    else:
        _print(manifest, out)


def _print(manifest: Manifest, out: str) -> None:
    import collections

    import rich.console
    import rich.table

    from transform.manifest import STATUSES

    table = rich.table.Table()
    table.add_column("Split")
    for status in STATUSES:
        table.add_column(status, justify="right")
    found = collections.Counter((row.split, row.status) for row in manifest.rows)
    for split in dict.fromkeys(row.split for row in manifest.rows):
        table.add_row(split, *(f"{found[split, status]:,}" for status in STATUSES))
    console = rich.console.Console()
    console.print(table)
    for reason, clips in manifest.reasons():
        console.print(f"[yellow]{clips:,} ×[/yellow] {reason}", highlight=False)
    console.print(
        f"{manifest.coverage()} are in {out}", highlight=False, soft_wrap=True
    )
