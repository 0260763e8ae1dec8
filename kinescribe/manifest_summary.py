"""Prints the outcome of an extraction, for a person or for a machine."""

from __future__ import annotations

import collections
import json

import rich.console
import rich.table
import rich.text
import typer

from transform.records.manifest import STATUSES, Manifest


def print_summary(manifest: Manifest, out: str, as_json: bool) -> None:
    """Prints how many clips were extracted, and why the others were not.

    Args:
        manifest: The status of every clip.
        out: The folder of the records.
        as_json: Whether to print one JSON object.
    """
    if as_json:
        summary = {
            "out": out,
            "coverage": manifest.coverage(),
            "counts": manifest.counts(),
            "reasons": dict(manifest.reasons()),
        }
        typer.echo(json.dumps(summary))
        return
    table = rich.table.Table()
    table.add_column("Split")
    for status in STATUSES:
        table.add_column(status, justify="right")
    counts = collections.Counter((row.split, row.status) for row in manifest.rows)
    for split in dict.fromkeys(row.split for row in manifest.rows):
        table.add_row(split, *(f"{counts[split, status]:,}" for status in STATUSES))
    console = rich.console.Console(markup=False)
    console.print(table)
    for reason, clips in manifest.reasons():
        line = rich.text.Text.assemble((f"{clips:,} ×", "yellow"), f" {reason}")
        console.print(line, soft_wrap=True)
    console.print(
        f"{manifest.coverage()} are in {out}",
        highlight=False,
        soft_wrap=True,
    )
