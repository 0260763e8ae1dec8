"""The work of `Report`: evaluates the model, builds the page and writes both."""

from __future__ import annotations

import os

from tfx.components.util import model_utils
from tfx.types import Artifact
from tfx.utils import path_utils

from components.baseline_model.executor import REASON
from components.report import evaluator_output
from components.trainer.history_file import read_history
from serving.client.local_model import LocalModel
from serving.evaluation import evaluate_split
from serving.report import content, page
from transform.common import storage
from transform.records.dataset import ExtractedDataset

PAGE = "report.html"
SCORES = "scores.json"


def write_report(
    examples: Artifact,
    model: Artifact,
    model_run: Artifact,
    baseline: Artifact,
    evaluation: Artifact,
    blessing: Artifact,
    report: Artifact,
    title: str,
    split: str,
) -> None:
    """Writes `report.html` for people and `scores.json` for machines.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        model_run: Its training history.
        baseline: The model that it was compared with.
        evaluation: The Evaluator's scores.
        blessing: The Evaluator's blessing, or its refusal.
        report: Takes the two files.
        title: Title of the page.
        split: The clips to caption.
    """
    local_model = LocalModel(path_utils.serving_model_path(model.uri))
    evaluated = evaluate_split(local_model, ExtractedDataset(examples.uri), split)
    report_page = content.build_report(
        title,
        local_model,
        examples.uri,
        evaluated,
        evaluator_output.slice_rows(evaluation.uri),
        evaluator_output.gate_result(
            model_utils.is_model_blessed(blessing),
            evaluation.uri,
            baseline.get_string_custom_property(REASON),
        ),
        read_history(model_run.uri),
    )
    storage.write(os.path.join(report.uri, SCORES), evaluated[0].to_json())
    storage.write(os.path.join(report.uri, PAGE), page.render(report_page))
