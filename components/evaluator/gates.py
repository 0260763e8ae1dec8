"""The metrics that the Evaluator computes, and the bounds that bless a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from keras_models.metrics import METRICS, canonical_name
from transform import schema
from transform.common.config import Config, Field, validator

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


class GateConfig(Config):
    """The conditions on all evaluated clips together; each is metric → number.

    A model is blessed when every metric lies within its bounds and none falls more than
    `max_regression` below the model that was pushed last.
    """

    # lowest score of each metric, a fraction
    minimum: dict[str, float] = Field(default_factory=dict)
    # highest value of each metric
    maximum: dict[str, float] = Field(default_factory=dict)
    # largest fall against the baseline
    max_regression: dict[str, float] = Field(default_factory=lambda: {"CIDEr-D": 0.02})
    # fields that scores are also computed by
    slices: tuple[str, ...] = (schema.CATEGORY, schema.CLIP_LENGTH, schema.MISSING)

    @validator("minimum", "maximum", "max_regression")
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        known = metric_classes()
        for name in values:
            if canonical_name(name) not in known:
                raise ValueError(f"{name!r} is none of {', '.join(known)}")
        # Where a setting is overridden under a metric's other name, the later counts.
        return {canonical_name(name): bound for name, bound in values.items()}

    @validator("max_regression")
    def _gradual(cls, values: dict[str, float]) -> dict[str, float]:
        for name, fall in values.items():
            if name in DESCRIPTIONS:
                raise ValueError(f"a fall of {name} is no regression; bound it instead")
            if fall < 0:
                raise ValueError(f"the fall of {name} that is allowed must not be < 0")
        return values


def eval_config(
    gate: GateConfig, references: str = "", signature: str = "serving_default"
) -> tfma.EvalConfig:
    """Returns the Evaluator's configuration, which computes every metric.

    It names one model; the Evaluator adds the baseline that it is given.

    Args:
        gate: The conditions.
        references: File of all evaluated clips' captions, as
            `caption_metrics.write_references` writes it, which CIDEr-D takes its
            document frequencies from. Without it every slice is a corpus of its own,
            and CIDEr-D in small slices is not comparable.
        signature: The SavedModel's signature that reads serialized records.
    """
    import tensorflow_model_analysis as tfma

    metrics = [tfma.MetricConfig(class_name="ExampleCount")]
    for name, metric_class in metric_classes().items():
        settings = {"name": name}
        if name in METRICS:
            settings["references"] = references
        metric = tfma.MetricConfig(
            class_name=metric_class, module=MODULE, config=json.dumps(settings)
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
            _change_threshold(gate.max_regression[name], METRICS[name].higher_is_better)
        )
    if threshold.ByteSize():
        metric.per_slice_thresholds.append(
            tfma.PerSliceMetricThreshold(
                slicing_specs=[everything], threshold=threshold
            )
        )


def _change_threshold(
    regression: float, higher_is_better: bool
) -> tfma.GenericChangeThreshold:
    import tensorflow_model_analysis as tfma

    if higher_is_better:
        return tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -regression},
        )
    return tfma.GenericChangeThreshold(
        direction=tfma.MetricDirection.LOWER_IS_BETTER, absolute={"value": regression}
    )
