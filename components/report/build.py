"""A trained model's artifacts → `Report`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.report.page import Curve, Report, Row, ScoredClip
from keras_models.data.records import DataError, RecordDataset
from keras_models.evaluation.evaluate import Evaluation, ScoredCaption, evaluate
from serving.client.local_model import LocalModel
from serving.visualization import clip_views, filmstrip
from transform.common.config import ConfigError
from transform.records.manifest import Manifest
from transform.schema import FeatureSpec
from transform.video.video_info import DecodeError

HISTORY = "history.jsonl"  # in the Trainer's `model_run`, one row an epoch
SHOWN_CLIPS = 6  # best, and as many worst


class Verdict(NamedTuple):
    """What the gates said."""

    blessed: bool
    sentence: str


def evaluate_split(
    model: LocalModel, records: str, split: str = "test"
) -> tuple[Evaluation, str]:
    """Scores a model on a split of extracted records, and says how many clips that is.

    Args:
        model: The model.
        records: What VideoExampleGen wrote: splits, specification and manifest.
        split: Which clips to caption.

    Raises:
        SpecMismatchError: The records are of another specification than the model's.
        DataError: There is no such split.
    """
    spec, manifest = read_spec(records), Manifest.read(records)
    model.spec.check_same(spec, ours="the model", theirs=f"the records in {records}")
    clips, training = (
        RecordDataset([os.path.join(records, f"Split-{name}", "*")], spec)
        for name in (split, "train")
    )
    results = model.caption_examples(list(clips.serialized()))
    captions = {
        clip.video_id: result.caption
        for clip, result in zip(clips.clips, results, strict=True)
    }
    evaluation = evaluate(captions, clips.references, training.references)
    rows = [row for row in manifest.rows if row.split == split]
    return evaluation, Manifest(rows).coverage()


def read_spec(records: str) -> FeatureSpec:
    """The specification beside the records; `DataError` where there are none."""
    path = os.path.join(records, "feature_spec.json")
    try:
        with tf.io.gfile.GFile(path) as file:
            return FeatureSpec.from_json(file.read())
    except tf.errors.NotFoundError as error:
        raise DataError(
            f"there are no records in {records}: {path} is missing; write them with "
            "`kinescribe extract`."
        ) from error


def report(
    title: str,
    model: LocalModel,
    records: str,
    evaluated: tuple[Evaluation, str],
    slices: Sequence[Row],
    verdict: Verdict,
    history: str,
) -> Report:
    """Everything that the page shows.

    Args:
        title: The page's.
        model: The evaluated model.
        records: What VideoExampleGen wrote.
        evaluated: The result of `evaluate_split`.
        slices: The Evaluator's scores by slice.
        verdict: The gates' word.
        history: File with one JSON row an epoch, or one that does not exist.
    """
    evaluation, coverage = evaluated
    scores = {name: found.value for name, found in evaluation.scores.items()}
    cider = evaluation.scores["CIDEr"]
    controls = [Row(name, "", row) for name, row in evaluation.controls.items() if row]
    half = min(SHOWN_CLIPS, len(evaluation.clips) // 2)
    shown = ScoredClips(model, records)
    return Report(
        title=title,
        verdict=verdict.sentence,
        blessed=verdict.blessed,
        facts=(
            ("coverage", coverage),
            (
                "CIDEr, 95 % interval",
                f"{100 * cider.low:.1f} … {100 * cider.high:.1f}",
            ),
            ("best constant caption", evaluation.constant),
            ("feature specification", model.spec.content_hash),
            *(
                (name.replace("_", " "), f"{value:.3g}")
                for name, value in evaluation.language.items()
            ),
        ),
        scores=(Row("the model", "", scores), *controls),
        slices=slices,
        curves=tuple(_curves(history)),
        best=tuple(shown.drawn(evaluation.clips[:half])),
        worst=tuple(shown.drawn(evaluation.clips[len(evaluation.clips) - half :])),
    )


def slice_rows(evaluation: str) -> list[Row]:
    """The Evaluator's scores of every slice, the largest first."""
    found = []
    for metrics in tfma.load_metrics(evaluation):
        keys = metrics.slice_key.single_slice_keys
        if not keys:
            continue
        values = {
            item.key.name: item.value.double_value.value
            for item in metrics.metric_keys_and_values
            if not item.key.is_diff and item.key.model_name != tfma.BASELINE_KEY
        }
        name = ", ".join(f"{key.column}={_slice_value(key)}" for key in keys)
        clips = int(values.pop("example_count", 0))
        found.append((clips, Row(name, f"{clips} clips" if clips else "", values)))
    return [row for _, row in sorted(found, key=lambda item: (-item[0], item[1].name))]


def verdict(blessed: bool, evaluation: str, baseline: str) -> Verdict:
    """The gates' findings in a sentence.

    Args:
        blessed: Whether the model passed.
        evaluation: The Evaluator's output.
        baseline: What the model was compared with, and why.
    """
    compared = f"Compared with the baseline: {baseline}."
    if blessed:
        return Verdict(True, f"Blessed: every gate is passed. {compared}")
    result = tfma.load_validation_result(evaluation)
    failures = [
        f"{failure.metric_key.name} is {failure.metric_value.double_value.value:.3f}"
        for found in result.metric_validations_per_slice
        for failure in found.failures
    ]
    return Verdict(
        False, f"Refused: {'; '.join(failures) or 'see the log'}. {compared}"
    )


class ScoredClips:
    """Draws captioned clips from the files that the manifest names."""

    def __init__(self, model: LocalModel, records: str):
        self._model = model
        self._rows = {row.video_id: row for row in Manifest.read(records).rows}

    def drawn(self, clips: Sequence[ScoredCaption]) -> Iterator[ScoredClip]:
        """The clips with their pictures.

        One whose file is gone since is left out, and so is every clip where features
        are imported, since the model cannot caption a file then.
        """
        for clip in clips:
            row = self._rows[clip.video_id]
            try:
                extraction = self._model.extract(row.uri, row.start, row.end)
                result = self._model.caption_extraction(extraction)
                view = clip_views.view(
                    row.uri, self._model.spec, extraction, result, row.start, row.end
                )
            except (DecodeError, ConfigError):
                continue
            yield ScoredClip(
                clip.video_id,
                clip.caption,
                clip.score,
                clip.references,
                filmstrip.filmstrip(view),
            )


def _slice_value(key: tfma.proto.metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode() if isinstance(value, bytes) else str(value)


def _curves(history: str) -> Iterator[Curve]:
    """The quantities that a person looks at first."""
    if not tf.io.gfile.exists(history):
        return
    with tf.io.gfile.GFile(history) as file:
        rows = [json.loads(line) for line in file]
    epochs = range(1, len(rows) + 1)
    for key, label in (
        ("CIDEr-D", "validation CIDEr-D"),
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
