"""Renders the page of all runs: scores over time, and every verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from serving.gates.verdict import Verdict
from serving.report.page import Curve, draw_curves, environment


class IndexRow(NamedTuple):
    """A run's verdict and the address of its report."""

    title: str
    address: str  # relative to the page
    verdict: Verdict


def render_index(rows: Sequence[IndexRow]) -> str:
    """Renders the page as an HTML document; `rows` are the runs, oldest first."""
    scored = [row.verdict.scores for row in rows]
    curves = []
    for metric in ("CIDEr-D", "METEOR", "BLEU-4"):
        points = [
            (number, scores[metric])
            for number, scores in enumerate(scored, start=1)
            if metric in scores
        ]
        if points:
            numbers, values = zip(*points, strict=True)
            curves.append(Curve(f"test {metric} by run", numbers, values))
    plot = draw_curves(curves, unit="run")
    return environment().get_template("index.html").render(rows=rows, plot=plot)
