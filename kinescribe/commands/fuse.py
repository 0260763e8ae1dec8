"""`kinescribe fuse`: a late fusion of trained models."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kinescribe import ensembling


def command(
    members: ensembling.Members,
    records: Annotated[
        str, typer.Option(help="Folder that `kinescribe extract` wrote.")
    ],
    out: Annotated[str, typer.Option(help="Folder for the fused model.")],
    settings: Annotated[
        str,
        typer.Option(
            help="A YAML file of the relevance model's settings; by default it reads "
            "all that the members read."
        ),
    ] = "",
    width: Annotated[int, typer.Option(min=1, help="Width of each member's beam.")] = 5,
    captions: Annotated[
        int, typer.Option(min=1, help="How many captions of each member compete.")
    ] = 1,
    precision: ensembling.Precision = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON.")
    ] = False,
) -> None:
    """Fuse trained models: of their captions the most relevant one is kept.

    Trains the relevance model that judges them, on the same records; the members stay
    as they are. A training that was stopped goes on where it was.
    """
    import os

    from transform.common import outputs

    folders = ensembling.member_folders(members)
    outputs.refuse_patterns(outputs.require_folder(out))

    from keras_models.ensembling.relevance.training import RelevanceTraining
    from serving.export.served_config import ServedConfig

    model, weights, training = ensembling.make_late_fusion(
        folders,
        RelevanceTraining.from_yaml(settings) if settings else None,
        records,
        out,
        ensembling.beam_search(width, captions),
        ServedConfig(precision=precision),
    )
    if as_json:
        outcome = {
            "model": model,
            "weights": weights,
            "run": training.folder,
            "validation_mean_reciprocal_rank": training.score,
            "epochs": len(training.history),
        }
        typer.echo(json.dumps(outcome))
        return

    import rich.console
    import rich.table

    table = rich.table.Table.grid(padding=(0, 2))
    table.add_row("Validation", f"mean reciprocal rank {training.score:.3f}")
    table.add_row("Model", model)
    table.add_row("History", os.path.join(training.folder, "history.csv"))
    rich.console.Console(markup=False).print(table, soft_wrap=True)
