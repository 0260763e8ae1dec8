"""`Report`: what the pipeline tells a person about its model."""

import os
import typing

from tfx.components.util import model_utils
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.baseline_model.component import REASON
from components.report import build, page
from serving.client.local_model import LocalModel
from transform.common import storage

PAGE = "report.html"
SCORES = "scores.json"


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Report(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    baseline: InputArtifact[standard_artifacts.Model],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    # Not a type of our own: Kubeflow's backend would not know it.
    report: OutputArtifact[standard_artifacts.ModelEvaluation],
    title: Parameter[str],
    split: Parameter[str],
) -> None:
    """Scores the model beside its controls and writes one page.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        model_run: Its training history.
        baseline: What it was compared with.
        evaluation: The Evaluator's scores.
        blessing: The Evaluator's word.
        report: `report.html` for people, `scores.json` for machines.
        title: The page's.
        split: The clips to caption.
    """
    served = LocalModel(path_utils.serving_model_path(model.uri))
    evaluated = build.evaluate_split(served, examples.uri, split)
    reason = baseline.get_string_custom_property(REASON)
    blessed = model_utils.is_model_blessed(blessing)
    found = build.report(
        title,
        served,
        examples.uri,
        evaluated,
        build.slice_rows(evaluation.uri),
        build.verdict(blessed, evaluation.uri, reason),
        os.path.join(model_run.uri, build.HISTORY),
    )
    storage.write(os.path.join(report.uri, SCORES), evaluated[0].to_json())
    storage.write(os.path.join(report.uri, PAGE), page.render(found))
