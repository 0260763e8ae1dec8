"""Renders a `Report` as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

from serving.gates.verdict import Verdict


class Row(NamedTuple):
    """A line of a score table; scores are fractions, shown ×100."""

    name: str
    note: str
    scores: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]] = {}


class ClipLine(NamedTuple):
    """A clip's caption beside the one of the model that was served before."""

    video_id: str
    caption: str
    score: float  # CIDEr-D against its own references
    baseline_caption: str = ""
    gain: float | None = None  # of the score; None if there is no baseline


class Look(NamedTuple):
    """A word, and the frame that it looked at most."""

    word: str
    picture: np.ndarray | None  # uint8 RGB; None if the word looked nowhere
    seconds: tuple[float, float]  # that the frame stands for


class ScoredClip(NamedTuple):
    """A clip that the page shows, with its picture."""

    video_id: str
    caption: str
    score: float  # CIDEr-D against its own references
    references: Sequence[str]
    picture: np.ndarray  # uint8 RGB, from serving.visualization.filmstrip
    line: ClipLine | None = None
    looks: Sequence[Look] = ()  # of the caption's words


class Curve(NamedTuple):
    """The values of one quantity over the training epochs."""

    label: str
    epochs: Sequence[float]
    values: Sequence[float]
    stages: Sequence[tuple[int, str]] = ()  # first epoch of each stage, and its name
    best: int | None = None  # the epoch whose weights were kept


class Report(NamedTuple):
    """Everything that the page shows, in the order shown."""

    title: str
    verdict: Verdict
    facts: Sequence[tuple[str, str]]
    scores: Sequence[Row]  # the model first, then its baselines
    slices: Sequence[Row]
    curves: Sequence[Curve]
    best: Sequence[ScoredClip]
    worst: Sequence[ScoredClip]
    gained: Sequence[ScoredClip] = ()  # clips that got better most
    lost: Sequence[ScoredClip] = ()  # clips that got worse most
    clips: Sequence[ClipLine] = ()  # all of them


def render(report: Report) -> str:
    """Renders the page as an HTML document."""
    metrics = list(report.scores[0].scores) if report.scores else []
    return (
        environment()
        .get_template("page.html")
        .render(report=report, metrics=metrics, plot=draw_curves(report.curves))
    )


def environment() -> jinja2.Environment:
    """Returns what renders the templates beside this file."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("serving.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["jpeg"] = _data_uri
    return found


def _data_uri(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def draw_curves(curves: Sequence[Curve], unit: str = "epoch") -> str:
    """Draws curves side by side over epochs or runs, as SVG; '' without a curve."""
    import matplotlib
    from matplotlib.figure import Figure  # no pyplot: no global state

    curves = [curve for curve in curves if len(curve.values)]
    if not curves:
        return ""
    figure = Figure(figsize=(4 * len(curves), 2.6), layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, curve in zip(panels, curves, strict=True):
        axes.plot(curve.epochs, curve.values, marker=".", color="#1a73e8")
        for epoch, stage in curve.stages:
            axes.axvline(epoch - 0.5, color="#9aa0a6", linewidth=0.8, linestyle=":")
            axes.annotate(
                stage,
                (epoch - 0.5, 0.02),
                xycoords=("data", "axes fraction"),
                fontsize=7,
                color="#5f6368",
                rotation=90,
            )
        if curve.best is not None and curve.best in curve.epochs:
            value = curve.values[list(curve.epochs).index(curve.best)]
            axes.plot([curve.best], [value], "o", color="#d93025", label="kept")
            axes.legend(fontsize=7, frameon=False)
        axes.set_title(curve.label, fontsize=10)
        axes.set_xlabel(unit, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "kinescribe"}):  # equal every time
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
