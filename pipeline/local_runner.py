"""Runs a pipeline on this machine, reusing what earlier runs have done."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pathlib
import shutil
import sys
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.io import fileio
from tfx.orchestration import metadata
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from components.pusher import executor as pusher
from components.report.executor import PAGE
from pipeline import metadata_store, stages
from pipeline.configs import RUN_LOG, PipelineConfig
from pipeline.pipeline import create_pipeline
from pipeline.stages import Stage
from serving.gates.verdict import Verdict
from serving.judging import judgement_files, recorded
from serving.pushing import soundness
from serving.pushing.baseline import baseline_version
from transform import datasets
from transform.backbones import loading
from transform.common import lease, outputs, storage
from transform.common.errors import KinescribeError
from transform.common.location import Location
from transform.jobs.data_digest import data_digest

CONFIG_FILE = "run.yaml"  # in the root: what was run last
METRICS = "metrics.prom"  # in the root: the last verdict, for Prometheus


class RunResult(NamedTuple):
    """The outputs of a pipeline run, and where they are."""

    root: pathlib.Path
    examples: pathlib.Path  # records by split, with the specification
    manifest: pathlib.Path  # the status of every clip
    coverage: str  # as in "590 of 600 clips"
    anomalies: tuple[str, ...]  # of the records' statistics against the schema
    model: pathlib.Path  # a SavedModel
    training: pathlib.Path  # its history, for people and for TensorBoard
    evaluation: pathlib.Path  # scores by slice, and the gates' findings
    report: pathlib.Path  # a page; `scores.json` is beside it
    judgement: pathlib.Path  # the verdict as JSON, and every caption with its scores
    verdict: Verdict  # whether it was pushed, and why
    pushed: pathlib.Path | None  # the version's folder
    stages: tuple[Stage, ...]
    withheld: str = ""  # why a model that the gates let pass was not pushed


def run(
    config: PipelineConfig,
    callback: stages.StageCallback,
    verbose: bool = False,
    accept: str = "",
) -> RunResult:
    """Runs the stages that have to run, and returns where the outputs are.

    The configuration is written to `run.yaml` in the root first, with the hashes of the
    weights that features are made by.

    A second run with nothing new reuses every stage. A run that was killed resumes at
    the stage that it was in; extraction and training resume within theirs.

    Args:
        config: The configuration of the pipeline.
        callback: Called for every stage.
        verbose: Whether TFX may log.
        accept: A person's reason to push a model that the gates refuse.

    Raises:
        StageError: A stage failed.
        StoppedError: New clips drifted, and the settings say to stop then.
        KinescribeError: Something was wrong before the first stage.
    """
    if config.root.is_remote:
        raise KinescribeError(
            f"{config.root} is in a bucket, but a run on this machine keeps its notes "
            "of what was done on its own disk; choose a folder here as root."
        )
    for place in {config.root, Location(config.push_destination)}:
        outputs.refuse_patterns(outputs.require_folder(place))
    root = pathlib.Path(config.root)
    config = config.replace(features=loading.resolve(config.features))
    if vectors := config.training.word_vectors:
        vectors.locate()
    # Before hours of work: it says what is passed over, or that nothing is whole.
    served = soundness.newest_sound(config.push_destination).pushed
    digest = data_digest(datasets.read(config.corpus), config.features)
    with _exclusive_run(root), _without_arguments(), _silenced(verbose):
        storage.write(str(root / CONFIG_FILE), config.to_yaml())
        connection = metadata_store.connection(root)
        artifacts = root / "artifacts"
        for execution in stages.close_abandoned(metadata.Metadata(connection)):
            for folder in artifacts.glob(f"*/*/{execution}"):
                shutil.rmtree(folder)
        with metadata_store.opened(root) as handle:
            metadata_store.skip_used_ids(handle, artifacts)
        pipeline = create_pipeline(
            config,
            pipeline_root=str(artifacts),
            metadata=connection,
            data_digest=digest,
            baseline_version=baseline_version(served, config.digest(), digest),
            accept=accept,
            enable_cache=True,
        )
        uncached = {"Pusher"}
        if not pathlib.Path(config.references_file(digest)).exists():
            uncached.add("CaptionReferences")
        finished = stages.StageRunner(callback, uncached).run(pipeline)
    result = _result(config, finished)
    storage.write(str(root / METRICS), judgement_files.prometheus_text(result.verdict))
    return result


def _result(config: PipelineConfig, finished: stages.Stages) -> RunResult:
    def artifact(stage: str, key: str) -> Artifact:
        return finished[stage].outputs[key]

    examples = artifact("VideoExampleGen", "examples")
    model = artifact("Trainer", "model")
    judgement = artifact("Judge", "judgement").uri
    verdict = recorded.read_verdict(judgement)
    assert verdict is not None
    pushed = artifact("Pusher", "pushed_model")
    destination = pushed.get_string_custom_property(pusher.DESTINATION)
    return RunResult(
        root=pathlib.Path(config.root),
        examples=pathlib.Path(examples.uri),
        manifest=pathlib.Path(examples.uri, "manifest.csv"),
        coverage=examples.get_string_custom_property("coverage"),
        anomalies=_anomalies(artifact("ExampleValidator", "anomalies")),
        model=pathlib.Path(path_utils.serving_model_path(model.uri)),
        training=pathlib.Path(artifact("Trainer", "model_run").uri),
        evaluation=pathlib.Path(artifact("Evaluator", "evaluation").uri),
        report=pathlib.Path(artifact("Report", "report").uri, PAGE),
        judgement=pathlib.Path(judgement),
        verdict=verdict,
        pushed=pathlib.Path(destination) if destination else None,
        stages=tuple(finished.values()),
        withheld=pushed.get_string_custom_property(pusher.WITHHELD),
    )


def _anomalies(artifact: Artifact) -> tuple[str, ...]:
    sentences = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        folder = artifact_utils.get_split_uri([artifact], split)
        path = os.path.join(folder, "SchemaDiff.pb")
        with fileio.open(path, "rb") as file:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read())
        for name, info in anomalies.anomaly_info.items():
            sentences.append(f"{split}, {name}: {info.description}")
    return tuple(sentences)


@contextlib.contextmanager
def _exclusive_run(root: pathlib.Path) -> Iterator[None]:
    """Refuses a second run in the same folder; the lock ends with the process."""
    with (root / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KinescribeError(
                f"another run is going on in {root}: wait for it, or choose another "
                "root."
            ) from None
        # Of runs on other machines, which a lock of a shared folder may not show.
        with lease.held(str(root / RUN_LOG), owner=f"run-{uuid.uuid4().hex[:12]}"):
            yield


@contextlib.contextmanager
def _without_arguments() -> Iterator[None]:
    """Hides the command line from TFX, which would hand it to Beam."""
    arguments = sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments


@contextlib.contextmanager
def _silenced(verbose: bool) -> Iterator[None]:
    """Silences TFX, which logs through absl; errors are still raised.

    Setting a level would not last, since absl sets its own whenever a component parses
    flags.
    """
    absl = logging.getLogger("absl")
    absl.disabled = not verbose
    try:
        yield
    finally:
        absl.disabled = False
