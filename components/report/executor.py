"""The work of `Report`: builds the page from what was judged, and writes it."""

from __future__ import annotations

import os

from tfx.types import Artifact
from tfx.utils import path_utils

from components.report import evaluator_output
from components.shown_artifacts import SHOWN_FILE
from components.trainer.history_file import read_history
from serving.report import content, page
from transform.common import storage

PAGE = "report.html"
SCORES = "scores.json"


def write_report(
    examples: Artifact,
    model: Artifact,
    model_run: Artifact,
    evaluation: Artifact,
    judgement: Artifact,
    report: Artifact,
    title: str,
) -> None:
    """Writes `report.html` for people and `scores.json` for machines.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        model_run: Its training history.
        evaluation: The Evaluator's scores.
        judgement: The Judge's verdict, scores and captions.
        report: Takes the two files.
        title: Title of the page.
    """
    judged = content.JudgedFiles.read(judgement.uri)
    report_page = content.build_report(
        title,
        path_utils.serving_model_path(model.uri),
        examples.uri,
        judged,
        evaluator_output.slice_rows(evaluation.uri),
        read_history(model_run.uri),
    )
    storage.write(os.path.join(report.uri, SCORES), judged.scores_text)
    storage.write(os.path.join(report.uri, PAGE), page.render(report_page))
    report.set_string_custom_property(SHOWN_FILE, PAGE)
