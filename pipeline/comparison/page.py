"""Renders the results of a comparison as Markdown and as one HTML page."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import jinja2

from pipeline.comparison.results import Look, PartResult, RowResult

METRICS = ("BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D")


class ComparisonPage(NamedTuple):
    """Everything that the page shows of the data that rows were compared on."""

    title: str
    command: str  # that makes the page
    facts: Sequence[tuple[str, str]]  # about machine, time, budget and data
    parts: Sequence[PartResult]  # all clips first, then each part

    @property
    def looks(self) -> list[tuple[RowResult, Look]]:
        """Where and when rows look, on all clips; by measure, the best row first."""
        found = [
            (row, look)
            for row in self.parts[0].rows
            if not row.same_as
            for look in row.looks
        ]
        return sorted(
            found, key=lambda each: (each[1].measure, -each[1].accuracy.found)
        )


def markdown(page: ComparisonPage) -> str:
    """Renders the page as Markdown."""
    return _environment().get_template("page.md.j2").render(page=page, metrics=METRICS)


def html(page: ComparisonPage) -> str:
    """Renders the page as an HTML document that needs no other file."""
    environment = _environment()
    environment.autoescape = True
    return environment.get_template("page.html.j2").render(
        page=page, metrics=METRICS, plot=_plot(page.parts[0].rows)
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.comparison", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["score"] = _score
    environment.filters["signed"] = lambda value: f"{100 * value:+.1f}"
    environment.filters["by_score"] = _by_score
    return environment


def _score(value: float, deviation: float = math.nan) -> str:
    """Returns a score × 100, with its deviation over seeds where there are several."""
    text = f"{100 * value:.1f}"
    return text if math.isnan(deviation) else f"{text} ± {100 * deviation:.1f}"


def _by_score(rows: Sequence[RowResult]) -> list[RowResult]:
    """Returns the rows that were trained, best first."""
    trained = [row for row in rows if not row.refused]
    return sorted(trained, key=lambda row: -row.mean["CIDEr-D"])


def _plot(rows: Sequence[RowResult]) -> str:
    """Draws the learning curves of all rows, one panel a paper's family, as SVG."""
    from matplotlib.figure import Figure  # no pyplot: no global state

    trained = [row for row in rows if not row.refused and not row.same_as]
    families: dict[str, list[RowResult]] = {}
    for row in trained:
        families.setdefault(row.row.partition("_")[0], []).append(row)
    if not families:
        return ""
    figure = Figure(figsize=(4.2 * len(families), 3.6), layout="constrained")
    panels = figure.subplots(1, len(families), squeeze=False, sharey=True)[0]
    for axes, (family, members) in zip(panels, families.items(), strict=True):
        for row in members:
            for number, curve in enumerate(row.curves):
                seconds, scores = zip(*curve, strict=True) if curve else ((), ())
                label = row.row if number == 0 else None
                axes.plot(seconds, scores, linewidth=1, label=label)
        axes.set_title(family, fontsize=10)
        axes.set_xlabel("seconds of training", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=5)
    panels[0].set_ylabel("validation CIDEr-D", fontsize=9)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
