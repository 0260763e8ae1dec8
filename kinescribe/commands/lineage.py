"""The command `kinescribe lineage`, which tells where a version comes from."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def command(
    push_to: Annotated[str, typer.Argument(help="Folder that models are pushed to.")],
    version: Annotated[
        str, typer.Argument(help="Which one; by default the newest.")
    ] = "",
    clips: Annotated[
        bool, typer.Option("--clips", help="Name the clips that differ, too.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a model card.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON.")
    ] = False,
) -> None:
    """Tell which run, settings, clips and earlier versions a version comes from."""
    from serving.pushing import lineage

    chain = lineage.trace(push_to, version)
    if as_json:
        typer.echo(json.dumps([ancestor.to_dict() for ancestor in chain]))
        return
    if markdown:
        typer.echo(lineage.card(chain), nl=False)
        return
    for ancestor in chain:
        typer.echo(lineage.in_words(ancestor))
        if ancestor.origin and ancestor.origin.reason:
            typer.echo(f"  {ancestor.origin.reason}")
        if ancestor.verdict:
            typer.echo(f"  {ancestor.verdict.sentence}")
        for fact in lineage.facts(ancestor):
            typer.echo(f"  {fact}")
        for event in ancestor.events:
            typer.echo(f"  {event.in_words()}")
        for word in ("added", "removed", "changed") if clips else ():
            if ids := getattr(ancestor, word):
                typer.echo(f"  {word}: {', '.join(ids)}")
