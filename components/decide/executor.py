"""The work of `Decide`: reads clips, versions and ledger, and writes the decision."""

from __future__ import annotations

import json
import os
import time

from absl import logging
from tfx.types import Artifact
from tfx.utils import path_utils

from components.decide.corpus import Stamps, read_clips
from serving.pushing.origin import weights_folder
from serving.retraining import decision
from serving.retraining.decision import Decision, decide
from serving.retraining.earlier_models import attempts, served_version
from serving.retraining.retrain_config import RetrainConfig
from transform.backbones import loading
from transform.common import outputs, storage
from transform.common.config import Config
from transform.datasets import AnnotationSource
from transform.schema import FeatureSpec

RUN_ID_VARIABLE = "KFP_RUN_ID"


class _Corpus(Config):
    source: AnnotationSource


def write_decision(
    basis: Artifact,
    source: str,
    spec: str,
    settings: str,
    rules: str,
    destination: str,
    stamps: str,
    force: bool,
    note: str,
) -> None:
    """Decides, and writes what a new model would be made from; see the component."""
    corpus = _Corpus.from_dict({"source": json.loads(source)}).source
    features = loading.resolve(FeatureSpec.from_json(spec))
    outputs.require_folder(destination)  # before hours of work
    served = served_version(destination)
    decided = decide(
        read_clips(corpus, features, Stamps(stamps)),
        {**json.loads(settings), "features": features.to_dict()},
        served,
        RetrainConfig.from_json(rules),
        now=time.time(),
        attempts=attempts(destination),
        force=force,
        note=note,
        run_id=os.environ.get(RUN_ID_VARIABLE, ""),
    )
    logging.info("%s", decided.reason)
    for warning in decided.warnings:
        logging.warning("%s", warning)
    _describe(basis, decided)
    if decided.decision != decision.RETRAIN:
        return
    folder = path_utils.serving_model_dir(basis.uri)
    decided.origin.write(folder)
    if decided.origin.parent:
        assert served
        weights = weights_folder(os.path.join(destination, served.version))
        storage.copy_folder(weights, weights_folder(folder))


def _describe(basis: Artifact, decided: Decision) -> None:
    basis.set_string_custom_property("decision", decided.decision)
    basis.set_string_custom_property("reason", decided.reason)
    basis.set_string_custom_property("warnings", " ".join(decided.warnings))
    basis.set_string_custom_property("parent", decided.origin.parent)
    basis.set_int_custom_property("generation", decided.origin.generation)
    for name, count in decided.counts.items():
        basis.set_int_custom_property(f"corpus_{name}", count)
