"""Compiles a pipeline for Kubeflow Pipelines v2."""

from __future__ import annotations

import pathlib

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)

from pipeline.configs import PipelineConfig
from pipeline.pipeline import create_pipeline
from transform.config import ConfigError


def compile_pipeline(config: PipelineConfig, output: str | pathlib.Path) -> None:
    """Writes the pipeline as the YAML file that a Kubeflow backend takes.

    Paths in `config` mean what they mean inside of its image: a mounted volume or an
    object store. Nothing is cached, since the backend does not see when clips are
    added; extraction and training find out by themselves what is done already.

    Args:
        config: What to do; every stage runs in `config.image`.
        output: The file. TFX writes a bare specification, the only form that the
            backend takes, where its name ends in .yaml.
    """
    path = pathlib.Path(output).absolute()
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{output} must end in .yaml to be taken by Kubeflow.")
    runner = KubeflowV2DagRunner(
        config=KubeflowV2DagRunnerConfig(
            default_image=config.image, use_pipeline_spec_2_1=True
        ),
        output_dir=str(path.parent),
        output_filename=path.name,
    )
    root = config.root.rstrip("/")
    runner.run(create_pipeline(config, pipeline_root=f"{root}/artifacts"))
