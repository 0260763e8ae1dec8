"""Compiles a pipeline for a backend of Kubeflow Pipelines v2."""

from __future__ import annotations

import pathlib

import yaml
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)

from pipeline.configs import PipelineConfig
from pipeline.pipeline import create_pipeline
from transform.common.config import ConfigError


def compile_pipeline(config: PipelineConfig, output: str | pathlib.Path) -> None:
    """Writes the pipeline as a YAML file for a Kubeflow backend.

    Paths in `config` are those inside of its image: a mounted volume or an object
    store. Nothing is cached, since the backend does not notice when clips are added;
    extraction and training skip by themselves what is done already.

    Args:
        config: The configuration; every stage runs in `config.image`.
        output: The file; its name ends in .yaml.
    """
    output = pathlib.Path(output)
    if output.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{output} must end in .yaml to be taken by Kubeflow.")
    for path in (config.root, config.push_destination):
        if not path.startswith("/") and "://" not in path:
            raise ConfigError(
                f"{path} means nothing on a cluster, where every stage has a machine "
                "of its own; set root to a mounted volume or to a bucket, as in "
                "gs://bucket/captions."
            )
    root = f"{config.root.rstrip('/')}/artifacts"
    settings = KubeflowV2DagRunnerConfig(
        default_image=config.image, use_pipeline_spec_2_1=True
    )
    job = KubeflowV2DagRunner(settings).run(
        create_pipeline(config, pipeline_root=root), write_out=False
    )
    # Else the backend's own default holds, which TFX's file systems need not know.
    specification = {**job["pipelineSpec"], "defaultPipelineRoot": root}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(yaml.safe_dump(specification))
