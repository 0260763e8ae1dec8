"""The command `kinescribe preset`, which prints the configuration of a paper's row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kinescribe import run_options

if TYPE_CHECKING:
    from keras_models.presets.published import Cell


def command(
    name: Annotated[
        str, typer.Argument(help="A preset; `kinescribe presets` lists them.")
    ],
    corpus: run_options.Corpus = "",
    data: Annotated[
        str, typer.Option(help="Folder of the corpus; data/CORPUS by default.")
    ] = "",
    root: Annotated[
        str, typer.Option(help="Folder for all that a run makes; below runs/ else.")
    ] = "",
    seed: run_options.Seed = None,
    settings: run_options.Settings = None,
) -> None:
    """Print the run configuration of a paper's row, whole, as YAML.

    `kinescribe run` takes it as a file; `kinescribe run --preset` makes the same one.
    """
    from pipeline import published_runs

    chosen = run_options.chosen_corpus(name, corpus)
    config = published_runs.configuration(name, chosen, data, root)
    config = run_options.override(config, seed, settings)
    print("\n".join([*_heading(name, chosen), config.to_yaml()]), end="")


def _heading(name: str, corpus: str) -> list[str]:
    """Returns comments that say what the paper reports of a preset on a corpus."""
    from keras_models.presets import published, registry
    from pipeline import published_corpora

    paper = (registry.FUSIONS.get(name) or registry.get(name)).paper
    title = published_corpora.get(corpus).title
    return [
        f"# {paper} ({published.reference(paper)}) on {title}.",
        *(
            f"# {cell.place}, {cell.row}: {_scores(cell)}."
            for cell in published.cells()
            if (cell.preset, cell.corpus) == (name, corpus)
        ),
    ]


def _scores(cell: Cell) -> str:
    return ", ".join(f"{metric} {score}" for metric, score in cell.printed.items())
