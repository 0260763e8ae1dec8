"""Writes `docs/reproduce.md`: every cell of the papers' tables with its command.

python -m tools.reproduce_page > docs/reproduce.md
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from keras_models.presets import published
from keras_models.presets.published import Cell
from kinescribe.commands.presets import command_of
from pipeline.published_corpora import CORPORA

_HEAD = """# Reproduce the papers' tables

Every cell that the five papers report of their own models, with the command that trains
and scores it. Scores are as printed: STaTS' are fractions, the others × 100. Made by
`python -m tools.reproduce_page > docs/reproduce.md`; a test keeps it current.

    kinescribe presets                              # this list; --json has the claims
    kinescribe preset stats_i3d_fl --corpus msvd    # a cell's whole configuration
    kinescribe run --preset stats_i3d_fl --corpus msvd DATA --seed 1

`run` goes from clips to a scored model in `runs/PRESET-CORPUS`, or in the folder that
`--root` names, and goes on where it was when it is started again. `--set` changes any
setting, as in `--set training.batch.size=16`; `run.yaml` in the root says what was run,
and `kinescribe run` takes it. `--seeds 10` trains ten models on one extraction and
ensembles them; a late fusion trains its members and its relevance model; of both,
`joint.yaml` says what was run. `kinescribe train --preset P --records R --out O` trains
on records that are there already.

## What DATA holds

A folder with the corpus as it is published, its files under these names:

| corpus | files | clips |
|---|---|---|
"""

_BEHIND = """
Weights of networks are looked for in the folder that `$KINESCRIBE_WEIGHTS` names, and
so are dualAFR's word vectors, `GoogleNews-vectors-negative300.bin.gz`, which may lie in
DATA too. `mgsa_iac` first learns its codebook of sounds from the training clips. What
is missing is named before anything starts. [Variants](variants.md) has the models,
[Data](data.md) the features.

VATEX-2019 captions test clips whose video is gone by a second model, trained on
published features of all clips (`kinescribe import-features`):

    kinescribe evaluate MODEL RECORDS --fallback MODEL2=RECORDS2
"""

_METRICS = ("BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D")


def page() -> str:
    """Returns the whole page as Markdown."""
    corpora = "".join(_corpus(name) for name in CORPORA)
    tables = itertools.groupby(published.cells(), lambda cell: (cell.paper, cell.place))
    sections = [_section(*title, list(cells)) for title, cells in tables]
    return "\n".join([_HEAD + corpora + _BEHIND, *sections])


def _corpus(name: str) -> str:
    title, parts, *_ = next(c for known, c in CORPORA.items() if known == name)
    shown = {
        part: " or ".join(f"`{file}`" for file in files)
        for part, files in parts.items()
    }
    clips = shown.pop("videos")
    return f"| `{name}`, {title} | {', '.join(shown.values())} | {clips} |\n"


def _section(paper: str, place: str, cells: list[Cell]) -> str:
    return "\n".join(
        [
            f"## {paper}: {place}",
            "",
            f"{published.reference(paper)}.",
            "",
            f"| row | corpus | {' | '.join(_METRICS)} | command |",
            f"|---|---|{'---:|' * len(_METRICS)}---|",
            *_rows(cells),
            "",
        ]
    )


def _rows(cells: list[Cell]) -> Iterator[str]:
    for cell in cells:
        corpus = cell.corpus + ("" if cell.split == "test" else f", {cell.split}")
        scores = " | ".join(cell.printed.get(metric, "") for metric in _METRICS)
        yield f"| {cell.row} | {corpus} | {scores} | `{command_of(cell)}` |"


if __name__ == "__main__":
    print(page(), end="")
