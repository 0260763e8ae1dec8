"""`Judge`: the TFX component that decides whether a model may be pushed."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.judge import executor
from components.shown_artifacts import Metrics


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Judge(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    # Not a type of our own: Kubeflow's backend would not know it.
    judgement: OutputArtifact[standard_artifacts.ModelEvaluation],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    infra_blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    scores: OutputArtifact[Metrics],
    gates: Parameter[str],
    split: Parameter[str],
    destination: Parameter[str],
    variant: Parameter[str] = "",
    config_digest: Parameter[str] = "",
    data_digest: Parameter[str] = "",
    baseline_version: Parameter[str] = "",
    accept: Parameter[str] = "",
) -> None:
    """Captions the test clips once, judges the model, and records why.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        baseline: The model to compare it with.
        judgement: Takes the verdict, the scores and every caption.
        blessing: Whether the model is to be pushed.
        infra_blessing: Whether a server can serve it.
        scores: Has each score of the test clips as a property, by the metric's name.
        gates: `GateConfig` as JSON.
        split: The clips to judge by.
        destination: The folder that models are pushed to, with what is recorded there.
        variant: What was trained; recorded.
        config_digest: Digest of the configuration; recorded.
        data_digest: Digest of the clips and captions; recorded.
        baseline_version: `pushing.baseline.baseline_version` at the run's start; it
            only decides whether a cached verdict can still be used.
        accept: A person's reason to push the model whatever the gates say.
    """
    del baseline_version
    executor.write_judgement(
        examples,
        model,
        baseline,
        judgement,
        blessing,
        infra_blessing,
        scores,
        gates,
        split,
        destination,
        executor.Origin(variant, config_digest, data_digest),
        accept,
    )
