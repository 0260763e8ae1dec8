"""Collects the content of the report page from what was judged, and the history."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import tensorflow as tf

from keras_models.evaluation.evaluate import ScoredCaption
from serving.client.local_model import LocalModel
from serving.gates.verdict import Verdict
from serving.report.page import ClipLine, Curve, Report, Row
from serving.report.scored_clips import ScoredClips

SHOWN_CLIPS = 6  # best, and as many worst, better and worse than before
VERDICT, SCORES, CLIPS = "verdict.json", "scores.json", "clips.parquet"
_METRIC = "CIDEr-D"


class JudgedFiles(NamedTuple):
    """What the judge wrote of a model, read again."""

    verdict: Verdict
    scores_text: str  # `Evaluation.to_json`; "{}" of a model that captions nothing
    clips: Sequence[Mapping[str, Any]]  # a row a clip: captions, values

    @classmethod
    def read(cls, folder: str) -> JudgedFiles:
        """Reads the folder that `serving.judging.judgement_files.write` wrote."""
        verdict_path = os.path.join(folder, VERDICT)
        verdict = Verdict.from_json(_read(verdict_path), verdict_path)
        path = os.path.join(folder, SCORES)
        if not tf.io.gfile.exists(path):
            return cls(verdict, "{}", ())
        table = pq.read_table(io.BytesIO(_read(os.path.join(folder, CLIPS))))
        return cls(verdict, _read(path).decode(), table.to_pylist())

    @property
    def scores(self) -> dict[str, Any]:
        """The scores of model and controls, intervals and captions."""
        return json.loads(self.scores_text)


def build_report(
    title: str,
    model: str,
    records: str,
    judged: JudgedFiles,
    slices: Sequence[Row],
    history: Sequence[Mapping[str, Any]],
    shown_clips: int = SHOWN_CLIPS,
) -> Report:
    """Collects everything that the page shows.

    Args:
        title: Title of the page.
        model: Folder of the judged SavedModel.
        records: Folder that VideoExampleGen wrote.
        judged: The judge's files.
        slices: The Evaluator's scores by slice.
        history: The training history, one row for each epoch.
        shown_clips: How many clips of each kind have pictures.
    """
    verdict, scores = judged.verdict, judged.scores
    lines = _lines(judged)
    references = {c["video_id"]: c["references"] for c in scores.get("clips", ())}
    by_score = sorted(lines, key=lambda line: -line.score)
    half = min(shown_clips, len(lines) // 2)
    by_gain = sorted(lines, key=lambda line: line.gain or 0)
    lost = [line for line in by_gain if (line.gain or 0) < 0]
    gained = [line for line in reversed(by_gain) if (line.gain or 0) > 0]
    drawn = ScoredClips(LocalModel(model), records) if lines else None

    def pictures(some: Sequence[ClipLine]) -> tuple[Any, ...]:
        clips = [
            ScoredCaption(x.video_id, x.caption, x.score, tuple(references[x.video_id]))
            for x in some
        ]
        before = {line.video_id: line for line in some}
        return tuple(
            clip._replace(line=before[clip.video_id])
            for clip in (drawn.drawn(clips) if drawn else ())
        )

    return Report(
        title=title,
        verdict=verdict,
        facts=tuple(_facts(verdict, scores)),
        scores=tuple(_scores(judged)),
        slices=slices,
        curves=tuple(_curves(history)),
        best=pictures(by_score[:half]),
        worst=pictures(by_score[len(by_score) - half :]),
        gained=pictures(gained[:shown_clips]),
        lost=pictures(lost[:shown_clips]),
        clips=tuple(lines),
    )


def _scores(judged: JudgedFiles) -> Iterator[Row]:
    scores = judged.scores
    if not scores:
        return
    verdict = judged.verdict
    yield Row("this model", "", scores["model"], scores["intervals"])
    if verdict.baseline_scores:
        name = f"version {verdict.baseline_version}"
        yield Row(name, "served now", verdict.baseline_scores)
    for name, row in scores["controls"].items():
        if row:
            yield Row(name, "", row)


def _lines(judged: JudgedFiles) -> list[ClipLine]:
    """Returns a line for every scored clip, with its gain against the baseline."""
    lines = []
    for row in judged.clips:
        before = row.get(f"baseline {_METRIC}")
        lines.append(
            ClipLine(
                row["video_id"],
                row["caption"],
                row[_METRIC],
                row["baseline_caption"] or "",
                None if before is None else row[_METRIC] - before,
            )
        )
    return lines


def _facts(verdict: Verdict, scores: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "test clips", f"{verdict.clips:,} of {verdict.clips_wanted:,}"
    yield "judged", verdict.time.replace("T", " ").replace("+00:00", " UTC")
    yield "baseline", verdict.baseline_note
    if scores:
        yield "best constant caption", scores["constant"]
    yield "feature specification", verdict.spec_hash
    yield "weights", verdict.weights_digest
    yield "data", verdict.data_digest
    for name, value in scores.get("language", {}).items():
        yield name.replace("_", " "), f"{value:.3g}"


def _curves(rows: Sequence[Mapping[str, Any]]) -> Iterator[Curve]:
    """Yields the training curves that a person looks at first."""
    names = [row.get("stage") for row in rows]
    stages = [
        (epoch, name)
        for epoch, (name, before) in enumerate(
            zip(names, [None, *names[:-1]], strict=True), start=1
        )
        if name and name != before
    ]
    kept = [epoch for epoch, row in enumerate(rows, start=1) if row.get("best")]
    for key, label in (
        (_METRIC, "validation CIDEr-D (vocabulary tokens)"),
        ("cross_entropy", "cross-entropy"),
        ("reward", "reward"),
    ):
        points = [
            (epoch, row[key])
            for epoch, row in enumerate(rows, start=1)
            if row.get(key) is not None
        ]
        if points:
            epochs, values = zip(*points, strict=True)
            best = kept[-1] if key == _METRIC and kept else None
            yield Curve(label, epochs, values, tuple(stages), best)


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()
