"""Collects the content of the report page from a trained model's artifacts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.report.page import Curve, Report, Row, ScoredClip
from keras_models.evaluation.evaluate import Evaluation, ScoredCaption
from serving.client.local_model import LocalModel
from serving.visualization import clip_views, filmstrip
from transform.common.errors import DataError
from transform.records import example_codec
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import ManifestRow
from transform.schema import VIDEO_ID
from transform.video.video_info import DecodeError

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


def slice_rows(evaluation: str) -> list[Row]:
    """Reads the Evaluator's scores of every slice, the largest slice first."""
    rows = []
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
        rows.append((clips, Row(name, f"{clips} clips" if clips else "", values)))
    return [row for _, row in sorted(rows, key=lambda item: (-item[0], item[1].name))]


def gate_result(blessed: bool, evaluation: str, baseline: str) -> GateResult:
    """Reads from the Evaluator's output which gates failed, and puts it in a sentence.

    Args:
        blessed: Whether the model passed.
        evaluation: The Evaluator's output.
        baseline: The model that it was compared with, and why.
    """
    compared = f"Compared with the baseline: {baseline}."
    if blessed:
        return GateResult(True, f"Blessed: every gate is passed. {compared}")
    result = tfma.load_validation_result(evaluation)
    failures = [
        f"{failure.metric_key.name} is {failure.metric_value.double_value.value:.3f}"
        for validation in result.metric_validations_per_slice
        for failure in validation.failures
    ]
    return GateResult(
        False, f"Refused: {'; '.join(failures) or 'see the log'}. {compared}"
    )


class ScoredClips:
    """Draws captioned clips from their records and the files that the manifest names.

    Captions and attention come from the features in the records; the file is decoded
    once, for its key frames alone.
    """

    def __init__(self, model: LocalModel, records: str):
        self._model = model
        self._records = records
        manifest = ExtractedDataset(records).manifest
        self._rows = {row.video_id: row for row in manifest.rows}

    def drawn(self, clips: Sequence[ScoredCaption]) -> Iterator[ScoredClip]:
        """Yields the clips with their pictures.

        A clip whose file no longer exists is left out.
        """
        spec = self._model.spec
        for clip in clips:
            row = self._rows[clip.video_id]
            try:
                key_frames = clip_views.read_key_frames(
                    row.uri, spec, row.start, row.end
                )
            except DecodeError:
                continue
            example = self._example(row)
            features = example_codec.from_example(example, spec).features
            (result,) = self._model.caption_examples([example.SerializeToString()])
            view = clip_views.view(spec, key_frames, features, result)
            yield ScoredClip(
                clip.video_id,
                clip.caption,
                clip.score,
                clip.references,
                filmstrip.filmstrip(view),
            )

    def _example(self, row: ManifestRow) -> tf.train.Example:
        """Reads the record of a clip from the shard that holds it."""
        path = os.path.join(self._records, row.shard)
        for data in tf.data.TFRecordDataset(path).as_numpy_iterator():
            example = tf.train.Example.FromString(data)
            (video_id,) = example.features.feature[VIDEO_ID].bytes_list.value
            if video_id.decode() == row.video_id:
                return example
        raise DataError(f"clip {row.video_id} is not in {path}; extract again.")


def _slice_value(key: tfma.proto.metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode() if isinstance(value, bytes) else str(value)


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
