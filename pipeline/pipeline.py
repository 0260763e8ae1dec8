"""`create_pipeline`: connects the components, for every runner."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components import (
    ExampleValidator,
    StatisticsGen,
    Trainer,
    Transform,
)
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2

from components.baseline_model.component import BaselineModel
from components.caption_references.component import CaptionReferences
from components.curated_schema.component import CuratedSchema
from components.decide.component import Decide
from components.drift.component import Drift
from components.evaluator.analysis_config import eval_config
from components.evaluator.component import Evaluator
from components.judge.component import Judge
from components.pusher.component import Pusher
from components.report.component import Report
from components.video_example_gen.component import VideoExampleGen
from pipeline.configs import PipelineConfig
from serving.export.train_and_export import TrainerSettings
from transform.records.metadata_schema import described

_EVALUATED = "test"


def create_pipeline(
    config: PipelineConfig,
    *,
    pipeline_root: str,
    metadata: Any = None,
    data_digest: str = "",
    baseline_version: str = "",
    accept: str = "",
    enable_cache: bool = False,
    decides: bool = False,
) -> Pipeline:
    """Connects clips → records → vocabulary → model → blessing → pushed model.

    Every node is an ordinary component, so that a Kubeflow Pipelines backend, which
    has neither resolvers nor drivers, runs the same graph.

    Args:
        config: The configuration of the pipeline.
        pipeline_root: The folder of the artifacts.
        metadata: TFX's connection to ML Metadata; Kubeflow brings its own.
        data_digest: `transform.jobs.data_digest` of the corpus; recorded, and a change
            makes the clips be extracted again if nodes are cached.
        baseline_version: `serving.pushing.baseline.baseline_version`; a change makes
            the baseline be chosen again if nodes are cached.
        accept: A person's reason to push a model that the gates refuse.
        enable_cache: Whether a node with unchanged inputs reuses its outputs.
        decides: Whether the first node says if the others have anything to do, as a
            scheduled run wants it. A run on one's own machine always does what is left
            to do, which its cache tells.
    """
    first: list[Any] = [_decide(config)] if decides else []
    tokenizer = config.vocabulary.tokenizer
    example_gen = VideoExampleGen(
        source=config.corpus,
        spec=config.features,
        store=config.feature_store,
        records=config.records_folder,
        evaluated=_EVALUATED,
        settings=config.extraction,
        data_digest=data_digest,
    )
    examples = example_gen.outputs["examples"]
    descriptions = example_gen.outputs["descriptions"]
    evaluation_examples = example_gen.outputs["evaluation_examples"]
    statistics_gen = StatisticsGen(
        examples=descriptions,
        stats_options=tfdv.StatsOptions(
            feature_allowlist=list(described(config.features))
        ),
    )
    curated_schema = CuratedSchema(
        examples=descriptions,
        # Its content: a cluster has no such file, and a change of it is noticed.
        reviewed=config.data_schema.read_text() if config.data_schema else "",
        name=config.data_schema,
    )
    schema = curated_schema.outputs["schema"]
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    drift = Drift(
        descriptions=descriptions,
        destination=config.push_destination,
        rules=config.retrain.to_json(),
        force=0,
        baseline_version=baseline_version,
    )
    transform = Transform(
        examples=descriptions,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        custom_config={
            "min_count": config.vocabulary.min_count,
            "tokenizer": tokenizer.to_json(),
        },
        splits_config=transform_pb2.SplitsConfig(analyze=["train"]),
        materialize=False,
        disable_analyzer_cache=True,
        disable_statistics=True,
    )
    settings = TrainerSettings(
        training=config.training,
        search=config.search,
        served=config.served,
        tokenizer=tokenizer,
        workdir=config.training_folder,
    )
    trainer = Trainer(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        run_fn="components.trainer.run_fn.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["val"]),
        custom_config={"settings": settings.to_json()},
        base_model=first[0].outputs["basis"] if first else None,
    )
    trainer.add_upstream_node(drift)  # which may stop the run
    model = trainer.outputs["model"]
    baseline_model = BaselineModel(
        candidate=model,
        destination=config.push_destination,
        baseline_version=baseline_version,
    )
    references = config.references_file(data_digest)
    caption_references = CaptionReferences(
        examples=descriptions, split=_EVALUATED, path=references
    )
    evaluator = Evaluator(
        examples=evaluation_examples,
        model=model,
        baseline_model=baseline_model.outputs["baseline"],
        eval_config=eval_config(
            config.gates.slices, references, tokenizer=tokenizer.to_json()
        ),
        example_splits=[_EVALUATED],
    )
    evaluator.add_upstream_node(caption_references)
    judge = Judge(
        examples=examples,
        model=model,
        baseline=baseline_model.outputs["baseline"],
        gates=config.gates.to_json(),
        split=_EVALUATED,
        destination=config.push_destination,
        variant=config.training.variant,
        config_digest=config.digest(),
        data_digest=data_digest,
        baseline_version=baseline_version,
        accept=accept,
    )
    pusher = Pusher(
        examples=examples,
        model=model,
        baseline=baseline_model.outputs["baseline"],
        evaluation_blessing=evaluator.outputs["blessing"],
        blessing=judge.outputs["blessing"],
        infra_blessing=judge.outputs["infra_blessing"],
        judgement=judge.outputs["judgement"],
        drift=drift.outputs["drift"],
        destination=config.push_destination,
        config_digest=config.digest(),
        data_digest=data_digest,
    )
    report = Report(
        examples=examples,
        model=model,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        judgement=judge.outputs["judgement"],
        title=f"{config.name}: {config.training.variant}",
    )
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=pipeline_root,
        metadata_connection_config=metadata,
        enable_cache=enable_cache,
        components=[
            *first,
            example_gen,
            statistics_gen,
            curated_schema,
            example_validator,
            drift,
            transform,
            trainer,
            baseline_model,
            caption_references,
            evaluator,
            judge,
            pusher,
            report,
        ],
    )


def _decide(config: PipelineConfig) -> Any:
    return Decide(
        source=config.corpus.to_json(),
        spec=config.features.to_json(),
        settings=json.dumps(config.deciding_settings(), sort_keys=True),
        rules=config.retrain.to_json(),
        destination=config.push_destination,
        stamps=config.stamps_file,
        force=0,
        note="",
    )
