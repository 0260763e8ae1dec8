"""The cells of the papers' tables: scores as printed, and what is claimed of them.

`published.yaml` beside this module holds them. Reading it imports no framework.
"""

from __future__ import annotations

import functools
import math
import pathlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Optional

from transform.common.config import Config, Field, root_validator

CorpusName = Literal["msvd", "msrvtt", "mvad", "vatex"]
MetricName = Literal["BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D"]

_FILE = pathlib.Path(__file__).with_suffix(".yaml")
_HIGHEST: Mapping[str, float] = {"CIDEr-D": 10.0}  # of the others, 1


class Cell(NamedTuple):
    """What a table says of one model on one split of a corpus."""

    paper: str
    table: int
    page: int | None  # of the paper's file; None where it is not known
    row: str  # as the table calls it
    preset: str  # the name of a preset, or of a late fusion
    seeds: int  # more than one for an ensemble of as many models
    corpus: CorpusName
    split: Literal["val", "test"]
    printed: Mapping[MetricName, str]  # each metric's score, digit by digit
    scores: Mapping[MetricName, float]  # the same in the unit of `kinescribe evaluate`

    @property
    def place(self) -> str:
        """The table and the page, as in "Table 1, p. 6"."""
        page = "" if self.page is None else f", p. {self.page}"
        return f"Table {self.table}{page}"


class Comparison(NamedTuple):
    """A paper's sentence that one of its models is better than another."""

    better: Cell
    other: Cell
    metrics: tuple[MetricName, ...]  # by which it is better
    where: str  # the paper's section


@functools.cache
def cells() -> tuple[Cell, ...]:
    """Returns all cells, paper by paper, in the order of their tables."""
    return tuple(
        Cell(
            paper.name,
            table.table,
            table.page,
            cell.row,
            cell.preset,
            cell.seeds,
            cell.corpus,
            cell.split,
            printed,
            {name: float(text) / table.scale for name, text in printed.items()},
        )
        for paper in _papers()
        for table in paper.tables
        for cell in table.cells
        for printed in [dict(zip(table.metrics, cell.scores.split(), strict=True))]
    )


@functools.cache
def comparisons() -> tuple[Comparison, ...]:
    """Returns what the papers claim of pairs of their own single models."""
    single = {(c.preset, c.corpus, c.split): c for c in cells() if c.seeds == 1}
    return tuple(
        Comparison(
            single[better, corpus, claim.split],
            single[other, corpus, claim.split],
            claim.by,
            claim.where,
        )
        for paper in _papers()
        for claim in paper.claims
        for corpus in claim.corpora
        for better in claim.better
        for other in claim.than
    )


def reference(paper: str) -> str:
    """Returns the authors and the year of a paper, by its system's name."""
    return next(entry.reference for entry in _papers() if entry.name == paper)


class _Cell(Config):
    """A row of a table in the file, on one corpus."""

    row: str
    preset: str
    seeds: int = Field(1, ge=1)
    corpus: CorpusName
    split: Literal["val", "test"] = "test"
    scores: str


class _Table(Config):
    """A table in the file, with the metrics of its columns."""

    table: int
    page: Optional[int] = None
    metrics: tuple[MetricName, ...]
    scale: Literal[1, 100] = 100
    cells: tuple[_Cell, ...]

    @root_validator(skip_on_failure=True)
    def _scores_are_possible(cls, values: dict[str, Any]) -> dict[str, Any]:
        for cell in values["cells"]:
            numbers = [float(text) for text in cell.scores.split()]
            if len(numbers) != len(values["metrics"]):
                raise ValueError(
                    f"row {cell.row} has {len(numbers)} scores for "
                    f"{len(values['metrics'])} metrics"
                )
            for name, number in zip(values["metrics"], numbers, strict=True):
                highest = _HIGHEST.get(name, 1.0) * values["scale"]
                if not 0 <= number <= highest or math.isnan(number):
                    raise ValueError(f"row {cell.row}: {name} cannot be {number}")
        return values


class _Claim(Config):
    """A sentence of a paper about some of its models."""

    better: tuple[str, ...]
    than: tuple[str, ...]
    corpora: tuple[CorpusName, ...]
    split: Literal["val", "test"] = "test"
    by: tuple[MetricName, ...]
    where: str


class _Paper(Config):
    """A paper's tables in the file, and what it says about them."""

    name: str
    reference: str
    tables: tuple[_Table, ...]
    claims: tuple[_Claim, ...]


class _File(Config):
    """The content of the file `published.yaml`."""

    papers: tuple[_Paper, ...]


@functools.cache
def _papers() -> tuple[_Paper, ...]:
    return _File.from_yaml(_FILE).papers
