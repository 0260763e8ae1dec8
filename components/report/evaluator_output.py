"""Reads scores of slices and the outcome of the gates from what TFMA wrote."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from serving.report.content import GateResult
from serving.report.page import Row


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


def _slice_value(key: tfma.proto.metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode() if isinstance(value, bytes) else str(value)
