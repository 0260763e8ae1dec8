"""Runs several models on one extraction and joins them to one that captions."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from kinescribe import ensembling
from pipeline import local_runner
from pipeline.console_progress import ConsoleProgress
from pipeline.joint_configs import EnsembleJoin, JointConfig
from pipeline.local_runner import RunResult
from serving.client.local_model import LocalModel
from serving.evaluation import evaluate_split
from serving.export.train_and_export import captioner_folder
from transform.common import storage
from transform.records.dataset import ExtractedDataset

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_FILE = "joint.yaml"  # in the root: what was run last
FOLDER = "joint"  # of the joint model, below the root


class JointResult(NamedTuple):
    """The outputs of a run of several models, and where they are."""

    members: Mapping[str, RunResult]
    model: str  # folder of the joint model's version
    scores: Mapping[str, Mapping[str, float]]  # of the joint model and of each member
    scores_file: str


def run(config: JointConfig, split: str = "test", verbose: bool = False) -> JointResult:
    """Runs each model's pipeline, joins their best weights, and scores all of them.

    What is done is not done again: a run that was stopped goes on where it was. The
    configuration is written to `joint.yaml` in the root first.

    Args:
        config: The run.
        split: The clips to score on.
        verbose: Whether TFX may log.
    """
    storage.write(os.path.join(config.root, CONFIG_FILE), config.to_yaml())
    members = {
        name: local_runner.run(config.member(name), ConsoleProgress(), verbose)
        for name in config.members
    }
    records = str(next(iter(members.values())).examples)
    model = _join(config, members, records)
    folders = {"together": model}
    folders |= {name: str(result.model) for name, result in members.items()}
    dataset = ExtractedDataset(records)
    scores = {}
    for name, folder in folders.items():
        evaluation, _ = evaluate_split(LocalModel(folder), dataset, split)
        scores[name] = {key: score.value for key, score in evaluation.scores.items()}
    scores_file = os.path.join(config.root, FOLDER, f"scores-{split}.json")
    storage.write(scores_file, json.dumps(scores, indent=1))
    return JointResult(members, model, scores, scores_file)


def _join(config: JointConfig, members: Mapping[str, RunResult], records: str) -> str:
    """Returns the version of the joint model, made anew if its parts are others."""
    out = os.path.join(config.root, FOLDER)
    folders = {name: captioner_folder(str(m.model)) for name, m in members.items()}
    parts: dict[str, Any] = {
        "join": config.join.to_dict(),
        "search": config.search.to_dict(),
        **config.served.hashed(),
        "members": {name: storage.folder_digest(f) for name, f in folders.items()},
    }
    content = json.dumps(parts, sort_keys=True).encode()
    mark = os.path.join(out, f"{hashlib.sha256(content).hexdigest()[:16]}.json")
    if os.path.exists(mark):
        with open(mark) as file:
            return json.load(file)["model"]
    search, served, join = config.search, config.served, config.join
    if isinstance(join, EnsembleJoin):
        model, _ = ensembling.make_ensemble(folders, join.weights, out, search, served)
    else:
        model = ensembling.make_late_fusion(
            folders, join.training, records, out, search, served
        ).model
    storage.write(mark, json.dumps({"model": model, **parts}))
    return model
