"""The end of the pipeline, from a finished model to a push, through TFX itself."""

import os
import pathlib
from typing import NamedTuple

from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies, Examples, Model
from tfx.utils import io_utils, path_utils

from components.baseline_model.component import BaselineModel
from components.caption_references.component import CaptionReferences
from components.evaluator.analysis_config import eval_config
from components.evaluator.component import Evaluator
from components.judge.component import Judge
from components.pusher.component import Pusher
from pipeline.stages import StageRunner, Stages
from serving.gates.config import GateConfig
from serving.gates.verdict import Verdict
from serving.judging import recorded


@component
def GivenRecords(examples: OutputArtifact[Examples], folder: Parameter[str]) -> None:  # noqa: N802
    """Takes records that are there already for those of a run."""
    io_utils.copy_dir(folder, examples.uri)
    examples.split_names = artifact_utils.encode_split_names(["test", "train"])
    examples_utils.set_payload_format(
        examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )


@component
def GivenModel(model: OutputArtifact[Model], folder: Parameter[str]) -> None:  # noqa: N802
    """Takes a model that is there already for one that was trained."""
    io_utils.copy_dir(folder, path_utils.serving_model_dir(model.uri))


@component
def NoDrift(drift: OutputArtifact[ExampleAnomalies]) -> None:  # noqa: N802
    """Takes the place of what a run finds about its clips."""
    os.makedirs(drift.uri, exist_ok=True)


class Silence:
    """Nobody listens to the stages."""

    def on_stage_begin(self, index, total, name):
        pass

    def on_stage_end(self, index, total, stage):
        pass

    def on_stage_failure(self, index, total, name):
        pass


class Judged(NamedTuple):
    """What became of a model."""

    verdict: Verdict
    pushed: bool
    stages: Stages


def judge(
    folder: pathlib.Path, records: str, model: str, destination: str, gates: GateConfig
) -> Judged:
    """Runs Evaluator, Judge and Pusher on a model, as a pipeline does."""
    given = GivenRecords(folder=records)
    candidate, drift = GivenModel(folder=model), NoDrift()
    examples, exported = given.outputs["examples"], candidate.outputs["model"]
    references = str(folder / "references.json")
    baseline = BaselineModel(
        candidate=exported, destination=destination, baseline_version=""
    )
    written = CaptionReferences(examples=examples, split="test", path=references)
    evaluator = Evaluator(
        examples=examples,
        model=exported,
        baseline_model=baseline.outputs["baseline"],
        eval_config=eval_config(gates.slices, references),
        example_splits=["test"],
    )
    evaluator.add_upstream_node(written)
    judge = Judge(
        examples=examples,
        model=exported,
        baseline=baseline.outputs["baseline"],
        gates=gates.to_json(),
        split="test",
        destination=destination,
    )
    pusher = Pusher(
        examples=examples,
        model=exported,
        baseline=baseline.outputs["baseline"],
        evaluation_blessing=evaluator.outputs["blessing"],
        blessing=judge.outputs["blessing"],
        infra_blessing=judge.outputs["infra_blessing"],
        judgement=judge.outputs["judgement"],
        drift=drift.outputs["drift"],
        destination=destination,
        config_digest="c" * 16,
    )
    pipeline = Pipeline(
        pipeline_name="judged",
        pipeline_root=str(folder / "artifacts"),
        components=[
            given,
            candidate,
            drift,
            baseline,
            written,
            evaluator,
            judge,
            pusher,
        ],
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            os.fspath(folder / "metadata.sqlite")
        ),
    )
    stages = StageRunner(Silence()).run(pipeline)
    verdict = recorded.read_verdict(stages["Judge"].outputs["judgement"].uri)
    assert verdict is not None
    pushed = stages["Pusher"].outputs["pushed_model"].get_int_custom_property("pushed")
    return Judged(verdict, bool(pushed), stages)
