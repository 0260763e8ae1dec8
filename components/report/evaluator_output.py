"""Reads the scores of slices from what TFMA wrote."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_model_analysis as tfma

from serving.report.page import Row
from transform import schema


def slice_rows(evaluation: str) -> list[Row]:
    """Reads the Evaluator's scores of every slice, the largest slice first.

    Of a model that cannot be loaded there are none.
    """
    rows: list[tuple[int, Row]] = []
    if not tf.io.gfile.listdir(evaluation):
        return []
    for metrics in tfma.load_metrics(evaluation):
        keys = metrics.slice_key.single_slice_keys
        if not keys:
            continue
        values = {
            item.key.name: item.value.double_value.value
            for item in metrics.metric_keys_and_values
            if not item.key.is_diff and item.key.model_name != tfma.BASELINE_KEY
        }
        name = ", ".join(map(_slice_name, keys))
        clips = int(values.pop("example_count", 0))
        rows.append((clips, Row(name, f"{clips} clips" if clips else "", values)))
    return [row for _, row in sorted(rows, key=lambda item: (-item[0], item[1].name))]


def _slice_name(key: tfma.proto.metrics_for_slice_pb2.SingleSliceKey) -> str:
    value = getattr(key, key.WhichOneof("kind"))
    text = value.decode() if isinstance(value, bytes) else str(value)
    return text if key.column == schema.LABELS else f"{key.column}={text}"
