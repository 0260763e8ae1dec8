"""`kinescribe ensemble`: an ensemble of trained models."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Annotated, Optional

import typer

from kinescribe import ensembling


def command(
    members: ensembling.Members,
    out: Annotated[str, typer.Option(help="Folder for the ensemble.")],
    weight: Annotated[
        Optional[list[str]],
        typer.Option(
            help="How much a model counts, as name=number; once for each model that "
            "does not count 1."
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Width of the beam.")] = 5,
    captions: Annotated[
        int, typer.Option(min=1, help="How many captions are written, best first.")
    ] = 1,
    precision: ensembling.Precision = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON.")
    ] = False,
) -> None:
    """Make one model of trained ones: they predict each word together, by their mean.

    Nothing is trained; often the models are one, trained with several seeds.
    """
    from transform.common import outputs

    folders = ensembling.member_folders(members)
    outputs.refuse_patterns(outputs.require_folder(out))
    weights = _weights(weight or [], folders)

    from serving.export.served_config import ServedConfig

    search = ensembling.beam_search(width, captions)
    served = ServedConfig(precision=precision)
    model, shares = ensembling.make_ensemble(folders, weights, out, search, served)
    if as_json:
        typer.echo(json.dumps({"model": model, "shares": shares}))
        return

    import rich.console
    import rich.table

    table = rich.table.Table.grid(padding=(0, 2))
    for name, share in shares.items():
        table.add_row(name, f"{share:.1%}")
    table.add_row("Model", model)
    rich.console.Console(markup=False).print(table, soft_wrap=True)


def _weights(given: list[str], members: Collection[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for pair in given:
        name, _, number = pair.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if name not in members or name in weights or not 0 < value < math.inf:
            raise typer.BadParameter(
                f"{pair!r} is not the name of one of {', '.join(members)}, = and a "
                "positive number, once for each",
                param_hint="--weight",
            )
        weights[name] = value
    return weights
