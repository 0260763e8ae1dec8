"""The Evaluator's configuration: the metrics that TFMA computes, and their slices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_models.metrics import METRICS
from transform import schema

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma

MODULE = "components.evaluator.caption_metrics"
# Properties of the captions, of which more is not better → their classes in `MODULE`.
DESCRIPTIONS = {
    "caption_length": "CaptionLength",
    "vocabulary_size": "VocabularySize",
    "repetition": "Repetition",
}


def metric_classes() -> dict[str, str]:
    """Returns the class in `MODULE` of everything that the Evaluator computes."""
    return {name: class_name(name) for name in METRICS} | DESCRIPTIONS


def class_name(metric: str) -> str:
    """Returns the TFMA class of a metric of the table: "CiderD" for "CIDEr-D"."""
    return "".join(part.capitalize() for part in metric.split("-"))


def eval_config(
    slices: Sequence[str] = schema.SLICES,
    references: str = "",
    signature: str = "serving_default",
    tokenizer: str = "",
) -> tfma.EvalConfig:
    """Returns the Evaluator's configuration, which computes every metric.

    It names one model; the Evaluator adds the baseline that it is given. Its blessing
    says that there was something to evaluate; the gates on the figures are the Judge's,
    which knows how sure they are.

    Args:
        slices: Columns of the records, and names of labels, that scores are also
            computed by.
        references: File of all evaluated clips' captions, as
            `caption_metrics.write_references` writes it, which CIDEr-D takes its
            document frequencies from. Without it every slice is a corpus of its own,
            and CIDEr-D in small slices is not comparable.
        signature: The SavedModel's signature that reads serialized records.
        tokenizer: What splits captions, as JSON; the usual one by default.
    """
    import tensorflow_model_analysis as tfma

    some = tfma.GenericValueThreshold(lower_bound={"value": 1})
    metrics = [
        tfma.MetricConfig(
            class_name="ExampleCount",
            # TFMA finds thresholds here only, not in MetricsSpec.
            per_slice_thresholds=[
                tfma.PerSliceMetricThreshold(
                    slicing_specs=[tfma.SlicingSpec()],
                    threshold=tfma.MetricThreshold(value_threshold=some),
                )
            ],
        )
    ]
    for name, metric_class in metric_classes().items():
        settings = {"name": name, "tokenizer": tokenizer}
        if name in METRICS:
            settings["references"] = references
        metrics.append(
            tfma.MetricConfig(
                class_name=metric_class, module=MODULE, config=json.dumps(settings)
            )
        )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=signature,
                model_type="tf_generic",
                label_key=schema.CAPTIONS,
                prediction_key="caption",
            )
        ],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[key]) for key in _columns(slices)),
        ],
    )


def _columns(slices: Sequence[str]) -> list[str]:
    """Returns the columns of the records in which slices are found."""
    return list(
        dict.fromkeys(
            name if name in schema.SLICES else schema.LABELS for name in slices
        )
    )
