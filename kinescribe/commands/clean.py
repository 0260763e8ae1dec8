"""The command `kinescribe clean`, which removes what nobody needs any more."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from kinescribe import run_options


def command(
    config: run_options.Configuration,
    root: Annotated[
        str, typer.Option(help="Folder for everything, in place of the file's.")
    ] = "",
    settings: run_options.Settings = None,
    keep_versions: Annotated[
        int, typer.Option(min=1, help="Newest versions that stay in any case.")
    ] = 5,
    keep_runs: Annotated[
        int, typer.Option(min=1, help="Newest runs whose files stay.")
    ] = 10,
    older: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Nothing younger goes.")
    ] = 30.0,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; without this it is only told.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every file and folder as JSON.")
    ] = False,
) -> None:
    """Tell, or remove, old models, records, features, trainings, logs and artifacts.

    What is served, labelled, a roll-back's target, the best ever pushed or part of a
    kept run stays. While a run or a push is going on nothing is removed.
    """
    from pipeline.cleaning import clean
    from pipeline.cleaning.removal import Rules
    from pipeline.configs import PipelineConfig
    from transform.common import users

    arguments = run_options.RunArguments(
        config, "", "", root, None, tuple(settings or ()), ""
    )
    found = arguments.read()
    if not isinstance(found, PipelineConfig):
        raise typer.BadParameter("it has several models; clean each one's root")
    rules = Rules(keep_versions=keep_versions, keep_runs=keep_runs, older_days=older)
    if yes:
        with clean.alone(found):
            removals = clean.plan(found, rules, time.time())
            clean.carry_out(found, removals, users.current())
    else:
        removals = clean.plan(found, rules, time.time())
    if as_json:
        typer.echo(json.dumps([removal._asdict() for removal in removals]))
        return
    counts: dict[str, list[int]] = {}
    for removal in removals:
        counts.setdefault(removal.kind, []).append(removal.size)
        if removal.kind in ("version", "training", "artifact"):
            typer.echo(f"{removal.kind:<9} {removal.path}  ({removal.why})")
    verb = "Removed" if yes else "Would remove"
    for kind, sizes in counts.items():
        typer.echo(f"{verb} {len(sizes):,} × {kind}: {sum(sizes) / 1e6:,.1f} MB")
    if not removals:
        typer.echo("Nothing can go.")
    elif not yes:
        typer.echo("Nothing was changed: give --yes to remove it.")
