"""The command `kinescribe compare`, which trains rows alike and compares them."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Optional

import typer

EPOCHS, QUICK_EPOCHS = 20, 4
CLIPS, QUICK_CLIPS = 16, 8
CAPTIONS = 5


def command(
    data: Annotated[
        Optional[list[str]],
        typer.Option(
            help="Folder of records; several, as NAME=FOLDER, are parts of one set. By "
            "default the moving world's diagnostic subsets are rendered."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the data, in tables and files.")] = "",
    rows: Annotated[
        str, typer.Option(help="Rows to compare, with commas between; by default all.")
    ] = "",
    seeds: Annotated[int, typer.Option(help="Trainings of each row.", min=1)] = 1,
    headline_seeds: Annotated[
        int, typer.Option(help="Trainings of the rows in the papers' headlines.", min=1)
    ] = 1,
    epochs: Annotated[
        Optional[int],
        typer.Option(
            help=f"Passes over the clips, of every row; by default {EPOCHS}, or "
            f"{QUICK_EPOCHS} with --quick.",
            min=1,
        ),
    ] = None,
    clips: Annotated[
        Optional[int],
        typer.Option(
            help="Clips of an update: fewer are more updates a pass; by default "
            f"{CLIPS}, or {QUICK_CLIPS} with --quick.",
            min=1,
        ),
    ] = None,
    captions: Annotated[
        int,
        typer.Option(help="Captions of a clip that each pass learns from.", min=1),
    ] = CAPTIONS,
    min_count: Annotated[
        int, typer.Option(help="Rarer words become <unk>.", min=1)
    ] = 1,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer drawn clips and fewer epochs."),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Trainings at a time; by default one a core.", min=0)
    ] = 0,
    root: Annotated[
        str, typer.Option(help="Folder of data, trainings and pages.")
    ] = "compare",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the scores as JSON.")
    ] = False,
) -> int:
    """Train rows of the papers alike, and hold them against the papers' claims.

    What is done stays done: called again, it goes on where it was stopped.
    """
    from keras_models.presets.registry import PRESETS
    from pipeline.comparison import compare, data_sets
    from pipeline.comparison.task import ComparisonSettings
    from transform.common import outputs, progress_bar

    root = outputs.refuse_patterns(outputs.require_here(root))
    outputs.require_folder(root)
    if data:
        compared = data_sets.from_folders(name, data, root)
    else:
        counts = data_sets.QUICK if quick else data_sets.Counts()
        compared = data_sets.moving_world(name or "moving_world", root, counts)
    comparison = compare.Comparison(
        compared,
        [row.strip() for row in rows.split(",") if row.strip()] or list(PRESETS),
        ComparisonSettings().override(
            {
                "budget": {"epochs": epochs or (QUICK_EPOCHS if quick else EPOCHS)},
                "batch": {
                    "size": clips or (QUICK_CLIPS if quick else CLIPS),
                    "captions": captions,
                },
                "min_count": min_count,
            }
        ),
        seeds=seeds,
        headline_seeds=headline_seeds,
    )
    with progress_bar.shown("Rows trained", len(comparison.tasks)) as report:
        failures = comparison.train(
            root, workers or os.cpu_count() or 1, on_done=report
        )
    parts = comparison.results(root)
    words = " ".join(["kinescribe", *sys.argv[1:]])
    pages = comparison.write_pages(root, words, parts)
    for failure in failures:
        typer.echo(f"{failure.task.row} failed: {failure.reason}", err=True)
    if as_json:
        typer.echo(json.dumps(comparison.as_json(parts)))
    else:
        for page in pages:
            typer.echo(page)
    return 1 if failures else 0
