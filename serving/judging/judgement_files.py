"""Writes a verdict for whoever asks: people, programs, Prometheus, TensorBoard."""

from __future__ import annotations

import io
import os

import prometheus_client
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from serving.gates.verdict import Verdict
from serving.judging import recorded
from serving.judging.judging import Judged
from transform.common import storage

SCORES = "scores.json"
CLIPS = "clips.parquet"
METRICS = "metrics.prom"
TENSORBOARD = "tensorboard"


def write(folder: str, judged: Judged) -> None:
    """Writes everything about a judged model to a folder.

    `verdict.json` and `scores.json` are for programs, `captions.jsonl` and
    `clips.parquet` hold each clip's caption and values, `metrics.prom` is for
    Prometheus' node exporter, `tensorboard` for TensorBoard.
    """
    recorded.write_verdict(folder, judged.verdict)
    recorded.write_captions(folder, judged.captions)
    recorded.write_training(folder, judged.training)
    if judged.evaluation:
        storage.write(os.path.join(folder, SCORES), judged.evaluation.to_json())
        storage.write(os.path.join(folder, CLIPS), _clips(judged))
    storage.write(os.path.join(folder, METRICS), prometheus_text(judged.verdict))
    _write_events(os.path.join(folder, TENSORBOARD), judged.verdict)


def _clips(judged: Judged) -> bytes:
    """Returns a Parquet file with a row a clip: captions and each metric's value."""
    rows = {row.video_id: row for row in judged.captions}
    statistics = judged.statistics["model"]
    columns: dict[str, list] = {
        "video_id": list(statistics.ids),
        "caption": [rows[clip].caption for clip in statistics.ids],
        "log_prob": [rows[clip].log_prob for clip in statistics.ids],
        "baseline_caption": [rows[clip].baseline for clip in statistics.ids],
    }
    for model, found in judged.statistics.items():
        prefix = "" if model == "model" else f"{model} "
        values = found.per_clip()
        for name in found.metrics:
            columns[f"{prefix}{name}"] = [
                values[clip][name] if clip in values else None
                for clip in statistics.ids
            ]
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def prometheus_text(verdict: Verdict) -> str:
    """Returns the verdict in Prometheus' text format."""
    registry = prometheus_client.CollectorRegistry()
    score = prometheus_client.Gauge(
        "kinescribe_score", "A score of the test clips.", ["metric"], registry=registry
    )
    for name, value in verdict.scores.items():
        score.labels(name).set(value)
    gate = prometheus_client.Gauge(
        "kinescribe_gate",
        "1 where a gate lets the model pass.",
        ["gate", "metric", "slice"],
        registry=registry,
    )
    for finding in verdict.findings:
        labels = finding.gate, finding.metric, finding.slice
        gate.labels(*labels).set(not finding.refuses)
    outcome = prometheus_client.Gauge(
        "kinescribe_verdict",
        "1 for the outcome of the last run.",
        ["outcome", "baseline_version"],
        registry=registry,
    )
    outcome.labels(verdict.outcome, verdict.baseline_version).set(1)
    clips = prometheus_client.Gauge(
        "kinescribe_test_clips", "Test clips.", ["state"], registry=registry
    )
    clips.labels("scored").set(verdict.clips)
    clips.labels("wanted").set(verdict.clips_wanted)
    return prometheus_client.generate_latest(registry).decode()


def _write_events(folder: str, verdict: Verdict) -> None:
    writer = tf.summary.create_file_writer(folder)
    with writer.as_default(step=0):
        tf.summary.text("verdict", verdict.sentence)
        for name, value in verdict.scores.items():
            tf.summary.scalar(f"test/{name}", value)
    writer.close()
