"""`Report`: the TFX component that writes a page about the model."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.report import executor
from components.shown_artifacts import HTML


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Report(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    judgement: InputArtifact[standard_artifacts.ModelEvaluation],
    report: OutputArtifact[HTML],
    title: Parameter[str],
) -> None:
    """Writes one page of the verdict, the scores, and clips with attention.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        model_run: Its training history.
        evaluation: The Evaluator's scores.
        judgement: The Judge's verdict, scores and captions.
        report: Takes `report.html` for people and `scores.json` for machines.
        title: Title of the page.
    """
    executor.write_report(
        examples, model, model_run, evaluation, judgement, report, title
    )
