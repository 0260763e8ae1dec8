"""The command `kinescribe presets`, which lists the papers' tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from keras_models.presets.published import Cell, MetricName

_METRICS: tuple[MetricName, ...] = ("BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D")


def command(
    paper: Annotated[
        str, typer.Option(help="Only this paper's, by its system's name: STaTS.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with what the papers claim.")
    ] = False,
) -> None:
    """List the papers' tables: every cell with its scores and its command."""
    from keras_models.presets import published

    cells = published.cells()
    if paper:
        cells = tuple(c for c in cells if c.paper.lower() == paper.lower())
    if not cells:
        from transform.common.errors import KinescribeError

        papers = dict.fromkeys(cell.paper for cell in published.cells())
        raise KinescribeError(
            f"there is no paper {paper!r}; choose one of: {', '.join(papers)}."
        )
    if as_json:
        print(json.dumps({"cells": [_json(cell) for cell in cells]}))
    else:
        _print(cells)


def command_of(cell: Cell) -> str:
    """Returns the command that trains and scores what a cell reports.

    DATA stands for the folder of the corpus.
    """
    parts = [f"kinescribe run --preset {cell.preset} --corpus {cell.corpus} DATA"]
    if cell.seeds > 1:
        parts.append(f"--seeds {cell.seeds}")
    if cell.split != "test":
        parts.append(f"--split {cell.split}")
    return " ".join(parts)


def _json(cell: Cell) -> dict[str, Any]:
    from keras_models.presets import published

    better_than = [
        {
            "preset": comparison.other.preset,
            "metrics": comparison.metrics,
            "where": comparison.where,
        }
        for comparison in published.comparisons()
        if comparison.better is cell
    ]
    return {**cell._asdict(), "command": command_of(cell), "better_than": better_than}


def _print(cells: tuple[Cell, ...]) -> None:
    import itertools

    import rich.console

    from keras_models.presets import published

    console = rich.console.Console(highlight=False)

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, soft_wrap=True)

    for (paper, place), table in itertools.groupby(cells, lambda c: (c.paper, c.place)):
        titles = "".join(f"{metric:>9}" for metric in _METRICS)
        line(f"{paper} ({published.reference(paper)}), {place}", "bold")
        line(f"  {'':<42}{titles}", "bold")
        for cell in table:
            corpus = cell.corpus + ("" if cell.split == "test" else f" ({cell.split})")
            scores = (cell.printed.get(metric, "–") for metric in _METRICS)
            line(f"  {cell.row:<31}{corpus:<11}" + "".join(f"{s:>9}" for s in scores))
            line(f"    {command_of(cell)}", "dim")
        line("")
    line("DATA is the folder of the corpus' files, as docs/reproduce.md describes it.")
