"""The work of `Drift`: reads both tables of clips, compares and decides."""

from __future__ import annotations

import json
import os

from absl import logging
from tfx.types import Artifact

from serving.common import model_versions, signature_names
from serving.pushing.destination import CLIPS, EVALUATION
from serving.retraining.decision import RETRAIN, STOP
from serving.retraining.drift_findings import Findings, compare
from serving.retraining.earlier_models import served_version
from serving.retraining.retrain_config import RetrainConfig
from transform.common import storage
from transform.records.clip_table import ClipTable
from transform.records.dataset import ExtractedDataset
from transform.records.vocabulary import Vocabulary

FINDINGS = "drift.json"


def write_drift(
    descriptions: Artifact,
    drift: Artifact,
    destination: str,
    rules: str,
    force: bool,
    baseline_version: str,
) -> None:
    """Measures the drift and says whether the run goes on; see the component."""
    settings = RetrainConfig.from_json(rules)
    now = ClipTable.of(ExtractedDataset(descriptions.uri))
    now.write(os.path.join(drift.uri, CLIPS))
    found = _measured(now, destination, baseline_version, settings)
    stops = found.drifted and settings.on_drift == "stop" and not force
    reason = f"Stopped: {found.sentence}" if stops else found.sentence
    (logging.warning if found.drifted else logging.info)("%s", reason)
    storage.write(os.path.join(drift.uri, FINDINGS), json.dumps(found.to_dict()))
    drift.set_string_custom_property("decision", STOP if stops else RETRAIN)
    drift.set_string_custom_property("reason", reason)
    drift.set_int_custom_property("drifted", int(found.drifted))
    for column in found.columns:
        drift.set_float_custom_property(f"drift_{column.name}", column.distance)


def _measured(
    now: ClipTable, destination: str, version: str, settings: RetrainConfig
) -> Findings:
    if not version:
        served = served_version(destination)
        if not served:
            return Findings("Drift is not measured: nothing has been pushed yet.")
        version = served.version
    folder = os.path.join(destination, version)
    then = ClipTable.read(os.path.join(folder, EVALUATION, CLIPS))
    if then is None:
        return Findings(
            f"Drift is not measured: version {version} does not say what clips it was "
            "trained on."
        )
    words = Vocabulary.from_file(
        os.path.join(folder, "assets", signature_names.VOCABULARY_ASSET),
        model_versions.read_tokenizer(folder),
    )
    return compare(then, now, version, words, settings.drift)
