"""The command `kinescribe evaluate`, which scores a model beside its baselines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keras_models.evaluation.evaluate import Evaluation


def command(
    model: Annotated[
        str, typer.Argument(help="A model, or a folder of versions: then the newest.")
    ],
    records: Annotated[
        str, typer.Argument(help="Folder of records, as `kinescribe extract` wrote it.")
    ],
    split: Annotated[str, typer.Option(help="Which clips to caption.")] = "test",
    fallback: Annotated[
        str,
        typer.Option(
            metavar="MODEL=RECORDS",
            help="Another model, with its own records, for clips that are not in "
            "RECORDS, such as videos that are gone.",
        ),
    ] = "",
    out: Annotated[
        str, typer.Option(help="File for scores and captions, as JSON.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print scores and captions as JSON.")
    ] = False,
) -> None:
    """Score a model's captions, beside those of three baselines.

    The baselines: the best single caption for all clips, the model on other clips'
    features, and a person, who is scored against the other people.
    """
    from rich.console import Console

    from serving.client.local_model import LocalModel
    from serving.evaluation import Fallback, evaluate_split
    from transform.common import outputs, storage
    from transform.records.dataset import ExtractedDataset

    other, equals, others_records = fallback.partition("=")
    if fallback and not (other and others_records):
        raise typer.BadParameter("a model, = and its records", param_hint="--fallback")
    if out:
        outputs.require_file(out)
    with Console(stderr=True).status("Captioning and scoring ..."):
        evaluation, coverage = evaluate_split(
            LocalModel(model),
            ExtractedDataset(records),
            split,
            Fallback(LocalModel(other), ExtractedDataset(others_records))
            if equals
            else None,
        )
    result = {"coverage": coverage, **json.loads(evaluation.to_json())}
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(evaluation, coverage)
    if out:
        storage.write(out, json.dumps(result, indent=1))


def _print(evaluation: Evaluation, coverage: str) -> None:
    import rich.box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=rich.box.SIMPLE, show_edge=False)
    table.add_column("")
    for title in ("this model", "95 % interval", *evaluation.baselines):
        table.add_column(title, justify="right")
    for name, score in evaluation.scores.items():
        baselines = (values.get(name) for values in evaluation.baselines.values())
        table.add_row(
            name,
            f"{100 * score.value:.1f}",
            f"{100 * score.low:.1f}–{100 * score.high:.1f}",
            *("" if value is None else f"{100 * value:.1f}" for value in baselines),
        )
    console = Console()
    console.print(table)
    constant = f"{coverage}. The best constant caption: “{evaluation.constant}”."
    console.print(constant, markup=False, soft_wrap=True)
