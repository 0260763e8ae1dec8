"""The command `kinescribe verdicts`: what became of every run of a pipeline."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer


def command(
    root: Annotated[str, typer.Argument(help="The root of a pipeline.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="The verdicts whole, as JSON.")
    ] = False,
) -> None:
    """List the verdicts of all runs in a root, the newest last."""
    from transform.common.errors import KinescribeError

    found = read(root)
    if not found:
        raise KinescribeError(
            f"there is no verdict in {root}: give the root of a pipeline that has run."
        )
    if as_json:
        print(json.dumps(found))
        return

    from rich import box, console, table

    rows = table.Table(box=box.SIMPLE, show_edge=False)
    for title in ("judged (UTC)", "data", "weights", "verdict", "CIDEr-D", "clips"):
        rows.add_column(title)
    rows.add_column("why", overflow="fold")
    for verdict in found:
        score = verdict["scores"].get("CIDEr-D")
        rows.add_row(
            verdict["time"].replace("T", " ").removesuffix("+00:00"),
            verdict["data_digest"][:8],
            verdict["weights_digest"][:8],
            verdict["outcome"],
            "–" if score is None else f"{100 * score:.1f}",
            f"{verdict['clips']} / {verdict['clips_wanted']}",
            verdict["sentence"].partition(": ")[2],
        )
    console.Console().print(rows)


def read(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Returns the verdicts of a root's runs, oldest first, each with its folder.

    A verdict that a killed run left half written is passed over.
    """
    from serving.judging import recorded
    from transform.common import storage
    from transform.common.config import ConfigError
    from transform.common.location import Location

    judgements = Location(root) / "artifacts/Judge/judgement"
    found = []
    for name in storage.names_in(judgements):
        folder = judgements / name
        try:
            verdict = recorded.read_verdict(folder)
        except ConfigError:
            continue
        if verdict:
            found.append({**verdict.to_dict(), "folder": str(folder)})
    return sorted(found, key=lambda verdict: verdict["time"])
