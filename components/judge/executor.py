"""The work of `Judge`: judges the model and writes verdict and blessings."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

from absl import logging
from tfx.types import Artifact
from tfx.utils import path_utils

from components.baseline_model.executor import REASON, SOURCE, VERSION
from serving.gates.config import GateConfig
from serving.gates.verdict import Verdict
from serving.judging import judgement_files
from serving.judging.judging import BaselineModel, judge_model
from transform.common import storage
from transform.records.dataset import ExtractedDataset

# Properties of all three artifacts.
OUTCOME = "outcome"
VERDICT = "verdict"  # its sentence


class Origin(NamedTuple):
    """What the judged model was made of; recorded in the verdict."""

    model: str
    config_digest: str
    data_digest: str


def write_judgement(
    examples: Artifact,
    model: Artifact,
    baseline: Artifact,
    judgement: Artifact,
    blessing: Artifact,
    infra_blessing: Artifact,
    scores: Artifact,
    gates: str,
    split: str,
    destination: str,
    origin: Origin,
    accept: str,
) -> None:
    """Judges the model; the verdict's sentence goes wherever somebody may look.

    Args:
        examples: The records, with specification and manifest.
        model: The model just trained.
        baseline: The model to compare it with.
        judgement: Takes the files of `judgement_files.write`.
        blessing: Takes TFX's mark of a blessed model, or of one that is not.
        infra_blessing: Takes TFX's mark of a model that can be served.
        scores: Takes the scores as properties, which a backend's page shows.
        gates: `GateConfig` as JSON.
        split: The clips to judge by.
        destination: The folder that models are pushed to.
        origin: What the model was made of.
        accept: A person's reason to push the model whatever the gates say.
    """
    pushed = baseline.get_string_custom_property(SOURCE) == "pushed"
    judged = judge_model(
        GateConfig.from_json(gates),
        path_utils.serving_model_path(model.uri),
        ExtractedDataset(examples.uri),
        split,
        BaselineModel(
            path_utils.serving_model_path(baseline.uri) if pushed else "",
            baseline.get_string_custom_property(VERSION),
            baseline.get_string_custom_property(REASON),
        ),
        destination,
        accept,
    )
    verdict = judged.verdict.replace(**origin._asdict())
    logging.info("%s", verdict.sentence)
    judgement_files.write(judgement.uri, judged._replace(verdict=verdict))
    _mark(blessing, verdict.pushes, "BLESSED", "NOT_BLESSED")
    _mark(infra_blessing, verdict.servable, "INFRA_BLESSED", "INFRA_NOT_BLESSED")
    for artifact in (judgement, blessing, infra_blessing):
        _describe(artifact, verdict)
    for name, value in verdict.scores.items():
        if math.isfinite(value):  # no backend takes another number
            scores.set_float_custom_property(name, value)


def _mark(artifact: Artifact, good: bool, yes: str, no: str) -> None:
    """Writes what TFX's own Evaluator and InfraValidator write."""
    storage.write(os.path.join(artifact.uri, yes if good else no), "")
    artifact.set_int_custom_property("blessed", int(good))


def _describe(artifact: Artifact, verdict: Verdict) -> None:
    artifact.set_string_custom_property(OUTCOME, verdict.outcome)
    artifact.set_string_custom_property(VERDICT, verdict.sentence)
    artifact.set_string_custom_property("baseline_version", verdict.baseline_version)
    artifact.set_string_custom_property("weights_digest", verdict.weights_digest)
