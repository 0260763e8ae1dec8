"""The command `kinescribe models`, which lists the versions that were pushed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from serving.pushing.rollback import VersionState


def command(
    push_to: Annotated[str, typer.Argument(help="Folder that models are pushed to.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything that is known as JSON.")
    ] = False,
) -> None:
    """List the versions that were pushed, and what became of them.

    `live` is what servers serve; a version that was rolled back is never pushed again.
    """
    from serving.pushing import destination, rollback

    found = rollback.states(push_to)
    if as_json:
        typer.echo(json.dumps([_json(state) for state in found]))
        return
    import rich.box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=rich.box.SIMPLE, show_edge=False)
    for column in ("version", "state", "pushed", "clips", "start", "why"):
        table.add_column(column)
    for state in found:
        origin = state.origin
        start = ""
        if origin:
            start = f"version {origin.parent}" if origin.parent else "fresh weights"
        table.add_row(
            state.version,
            state.state,
            destination.numbered_at(state.version),
            _clips(state),
            start,
            state.reason or (origin.reason if origin else ""),
        )
    Console(markup=False).print(table)


def _clips(state: VersionState) -> str:
    """Returns how many clips were used of how many, as far as that is known."""
    record = state.record
    if record and record.clips_wanted is not None:
        return f"{record.clips_used:,} of {record.clips_wanted:,}"
    return f"{len(state.origin.clips):,}" if state.origin else ""


def _json(state: VersionState) -> dict[str, Any]:
    origin, record = state.origin, state.record
    return {
        "version": state.version,
        "state": state.state,
        "withdrawn": state.reason,
        "record": record.to_dict() if record else None,
        "clips": len(origin.clips) if origin else None,
        "clips_used": record.clips_used if record and record.clips else None,
        "clips_wanted": record.clips_wanted if record else None,
        "parent": origin.parent if origin else None,
        "reason": origin.reason if origin else None,
        "run_id": origin.run_id if origin else None,
    }
