"""What the Evaluator computes, and what a model must reach to be blessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from transform import schema
from transform.common.config import Config, Field, validator

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma

MODULE = "components.evaluator.caption_metrics"
# A metric's name in results → its class in `MODULE`.
METRICS = {
    "CIDEr": "CiderD",
    "BLEU-1": "Bleu1",
    "BLEU-2": "Bleu2",
    "BLEU-3": "Bleu3",
    "BLEU-4": "Bleu4",
    "METEOR": "Meteor",
    "ROUGE-L": "RougeL",
    "caption_length": "CaptionLength",
    "vocabulary_size": "VocabularySize",
    "repetition": "Repetition",
}
# Of these more is not better.
_DESCRIPTIONS = frozenset({"caption_length", "vocabulary_size", "repetition"})


class GateConfig(Config):
    """The conditions on all evaluated clips together; each is metric → number.

    A model is blessed when every metric lies within its bounds and none falls more than
    `max_regression` below the model that was pushed last.
    """

    minimum: dict[str, float] = Field(default_factory=dict)
    maximum: dict[str, float] = Field(default_factory=dict)
    max_regression: dict[str, float] = Field(default_factory=lambda: {"CIDEr": 0.02})
    slices: tuple[str, ...] = (schema.CATEGORY, schema.CLIP_LENGTH, schema.MISSING)

    @validator("minimum", "maximum", "max_regression")
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        for name in values:
            if name not in METRICS:
                raise ValueError(f"{name!r} is none of {', '.join(METRICS)}")
        return values

    @validator("max_regression")
    def _gradual(cls, values: dict[str, float]) -> dict[str, float]:
        for name, fall in values.items():
            if name in _DESCRIPTIONS:
                raise ValueError(f"a fall of {name} is no regression; bound it instead")
            if fall < 0:
                raise ValueError(f"the fall of {name} that is allowed must not be < 0")
        return values


def eval_config(
    gate: GateConfig, references: str = "", signature: str = "serving_default"
) -> tfma.EvalConfig:
    """The Evaluator's configuration, with all of `METRICS`.

    It names one model; the Evaluator adds the baseline that it is given.

    Args:
        gate: The conditions.
        references: File of all evaluated clips' captions, as
            `caption_metrics.write_references` writes it, which CIDEr takes its document
            frequencies from. Without it every slice is a corpus of its own, and CIDEr
            in small slices is not comparable.
        signature: The SavedModel's signature that reads serialized records.
    """
    import tensorflow_model_analysis as tfma

    metrics = [tfma.MetricConfig(class_name="ExampleCount")]
    for name, class_name in METRICS.items():
        settings = {"name": name}
        if name not in _DESCRIPTIONS:
            settings["references"] = references
        metric = tfma.MetricConfig(
            class_name=class_name, module=MODULE, config=json.dumps(settings)
        )
        # TFMA finds thresholds of one's own metrics here only, not in MetricsSpec.
        _add_thresholds(metric, name, gate)
        metrics.append(metric)
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
            *(tfma.SlicingSpec(feature_keys=[key]) for key in gate.slices),
        ],
    )


def _add_thresholds(metric: tfma.MetricConfig, name: str, gate: GateConfig) -> None:
    import tensorflow_model_analysis as tfma

    everything = tfma.SlicingSpec()
    bounds = {}
    if name in gate.minimum:
        bounds["lower_bound"] = {"value": gate.minimum[name]}
    if name in gate.maximum:
        bounds["upper_bound"] = {"value": gate.maximum[name]}
    threshold = tfma.MetricThreshold()
    if bounds:
        threshold.value_threshold.CopyFrom(tfma.GenericValueThreshold(**bounds))
    if name in gate.max_regression:
        threshold.change_threshold.CopyFrom(
            tfma.GenericChangeThreshold(
                direction=tfma.MetricDirection.HIGHER_IS_BETTER,
                absolute={"value": -gate.max_regression[name]},
            )
        )
    if threshold.ByteSize():
        metric.per_slice_thresholds.append(
            tfma.PerSliceMetricThreshold(
                slicing_specs=[everything], threshold=threshold
            )
        )
