"""Tells a person, or a machine, what became of the clips of a corpus."""

from __future__ import annotations

import collections
import json

import rich.console
import rich.table
import typer

from transform.records.manifest import STATUSES, Manifest


def print_summary(manifest: Manifest, out: str, as_json: bool) -> None:
    """Prints how many clips came through, and why others did not."""
    if as_json:
        counts = {
            "out": out,
            "coverage": manifest.coverage(),
            "counts": manifest.counts(),
            "reasons": dict(manifest.reasons()),
        }
        typer.echo(json.dumps(counts))
        return
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
