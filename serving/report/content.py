"""Collects the content of the report page from a model, its scores and its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from keras_models.evaluation.evaluate import Evaluation
from serving.client.local_model import LocalModel
from serving.report.page import Curve, Report, Row
from serving.report.scored_clips import ScoredClips

SHOWN_CLIPS = 6  # best, and as many worst


class GateResult(NamedTuple):
    """The outcome of the gates: whether the model is blessed, and why."""

    blessed: bool
    sentence: str


def build_report(
    title: str,
    model: LocalModel,
    records: str,
    evaluated: tuple[Evaluation, str],
    slices: Sequence[Row],
    gate_result: GateResult,
    history: Sequence[Mapping[str, Any]],
) -> Report:
    """Collects everything that the page shows.

    Args:
        title: Title of the page.
        model: The evaluated model.
        records: Folder that VideoExampleGen wrote.
        evaluated: The result of `evaluate_split`.
        slices: The Evaluator's scores by slice.
        gate_result: The outcome of the gates.
        history: The training history, one row for each epoch.
    """
    evaluation, coverage = evaluated
    scores = {name: score.value for name, score in evaluation.scores.items()}
    cider_d = evaluation.scores["CIDEr-D"]
    baselines = [
        Row(name, "", row) for name, row in evaluation.baselines.items() if row
    ]
    half = min(SHOWN_CLIPS, len(evaluation.clips) // 2)
    shown = ScoredClips(model, records)
    return Report(
        title=title,
        verdict=gate_result.sentence,
        blessed=gate_result.blessed,
        facts=(
            ("coverage", coverage),
            (
                "CIDEr-D, 95 % interval",
                f"{100 * cider_d.low:.1f} … {100 * cider_d.high:.1f}",
            ),
            ("best constant caption", evaluation.constant),
            ("feature specification", model.spec.content_hash),
            *(
                (name.replace("_", " "), f"{value:.3g}")
                for name, value in evaluation.language.items()
            ),
        ),
        scores=(Row("the model", "", scores), *baselines),
        slices=slices,
        curves=tuple(_curves(history)),
        best=tuple(shown.drawn(evaluation.clips[:half])),
        worst=tuple(shown.drawn(evaluation.clips[len(evaluation.clips) - half :])),
    )


def _curves(rows: Sequence[Mapping[str, Any]]) -> Iterator[Curve]:
    """Yields the training curves that a person looks at first."""
    epochs = range(1, len(rows) + 1)
    for key, label in (
        ("CIDEr-D", "validation CIDEr-D (vocabulary tokens)"),
        ("cross_entropy", "cross-entropy"),
        ("reward", "reward"),
    ):
        points = [
            (epoch, row[key])
            for epoch, row in zip(epochs, rows, strict=True)
            if row.get(key) is not None
        ]
        if points:
            yield Curve(label, *zip(*points, strict=True))
