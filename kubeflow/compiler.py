"""Compiles a pipeline for an open-source backend of Kubeflow Pipelines v2."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from tfx.orchestration.kubeflow.v2 import pipeline_builder
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline

from kubeflow import overlay
from pipeline.configs import PipelineConfig
from pipeline.kubeflow_config import DEFAULT, KubeflowConfig
from pipeline.pipeline import create_pipeline
from transform.common import storage
from transform.common.config import Config, ConfigError
from transform.common.location import Location

STEP = ("python", "-m", "kubeflow.step")
TELL = ("python", "-m", "kubeflow.tell")
_SCHEMES = ("gs", "s3")  # that TensorFlow reads and writes
_BESIDE_ANNOTATIONS = {"videos"}  # a folder that may be relative to the file's
# The stages that decide, and the conditions of what comes after them.
DECIDING = {"Decide": overlay.CONDITION, "Drift": overlay.TRAINING}
TELLING = "Tell"  # the stage that comes last
# What a run can be given: name → Kubeflow's type, and the default.
PARAMETERS: dict[str, tuple[str, Any]] = {
    "force": ("NUMBER_INTEGER", 0),  # 1: retrain though nothing is new
    "note": ("STRING", ""),  # of the person who started it; recorded
}


class Compiled(NamedTuple):
    """The two documents of a pipeline's file."""

    specification: dict[str, Any]  # PipelineSpec 2.1.0
    platform: dict[str, Any]  # what only Kubernetes has

    def to_yaml(self) -> str:
        """Returns the file's content; equal documents give equal bytes."""
        return yaml.safe_dump_all(self, sort_keys=True, width=88)


def compile_pipeline(
    config: PipelineConfig, output: str | os.PathLike[str]
) -> Compiled:
    """Writes the pipeline as a YAML file for a Kubeflow backend.

    Paths in `config` are those inside of its images: a mounted volume or an object
    store. Nothing is cached by the backend, which does not notice when clips are added;
    extraction and training skip by themselves what is done already.

    Args:
        config: The configuration; its section `kubeflow` says how stages run.
        output: The file; its name ends in .yaml.

    Raises:
        ConfigError: The configuration cannot run on a cluster.
    """
    output = Location(output)
    if not output.endswith((".yaml", ".yml")):
        raise ConfigError(f"{output} must end in .yaml to be taken by Kubeflow.")
    compiled = compile_config(config)
    storage.write(output, compiled.to_yaml())
    return compiled


def compile_config(config: PipelineConfig) -> Compiled:
    """Compiles a configuration's pipeline, as `compile_pipeline` writes it.

    Raises:
        ConfigError: The configuration cannot run on a cluster.
    """
    _check_paths(config)
    # The backend takes no root from the file: a run has to be given it.
    pipeline = create_pipeline(
        config, pipeline_root=config.kubeflow.pipeline_root, decides=True
    )
    return compile_stages(pipeline, config.kubeflow, config.run_log, _described(config))


def compile_stages(
    pipeline: Pipeline, settings: KubeflowConfig, run_log: str, description: str = ""
) -> Compiled:
    """Compiles a pipeline of TFX components, one of which decides about the others.

    Args:
        pipeline: The pipeline; its stage `Decide` says whether the others run, its
            stage `Drift`, if there is one, whether those run that come after.
        settings: How the cluster runs the stages.
        run_log: Folder that tasks write to how they ended; see `kubeflow.run_log`.
        description: A sentence that the backend shows.

    Raises:
        ConfigError: The settings do not fit the stages.
    """
    stages = [component.id for component in pipeline.components]
    _check_stages(settings, [*stages, TELLING])
    images = {stage: _image(settings, stage) for stage in stages}
    job = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image={
                **images,
                pipeline_builder.DEFAULT_IMAGE_PATH_KEY: _image(settings, DEFAULT),
            },
            default_commands=list(STEP),
            use_pipeline_spec_2_1=True,
        )
    ).run(pipeline, write_out=False)
    spec = overlay.with_system_types(overlay.renamed(job["pipelineSpec"]))
    spec = overlay.with_containers(spec, settings, stages, run_log)
    last = overlay.container(settings, TELLING, _image(settings, TELLING), TELL)
    last["args"] = [
        *("--run-log", run_log),
        *("--pipeline", pipeline.pipeline_info.pipeline_name),
        *("--status", "{{$.inputs.parameters['status']}}"),
    ]
    deciding = {stage: name for stage, name in DECIDING.items() if stage in stages}
    spec = overlay.with_decision(spec, deciding, last)
    spec = overlay.with_parameters(spec, deciding, PARAMETERS)
    if description:
        spec["pipelineInfo"]["description"] = description
    return Compiled(spec, overlay.platform(settings, [*stages, TELLING]))


def _described(config: PipelineConfig) -> str:
    return f"{config.name}, configuration {config.digest()}"


def _check_paths(config: PipelineConfig) -> None:
    """Refuses what is a path of the machine that compiles, or of no file system."""
    mounts = [volume.mount for volume in config.kubeflow.volumes]
    written = {"root": config.root, "push_to": config.push_destination}
    for name, value in {**written, **_paths_in(config)}.items():
        place = Location(value)
        if place.is_remote and place.scheme not in _SCHEMES:
            raise ConfigError(
                f"{name} = {value} is in no file system that the stages know: give a "
                f"folder, or one of {', '.join(f'{s}://' for s in _SCHEMES)}."
            )
        if not place.is_remote and not value.startswith("/"):
            raise ConfigError(
                f"{name} = {value} means nothing on a cluster, where every stage has a "
                "machine of its own: give a mounted volume or a bucket, as in "
                "gs://bucket/captions."
            )
        if name in written and not place.is_remote and mounts:
            if not any(pathlib.PurePosixPath(value).is_relative_to(m) for m in mounts):
                raise ConfigError(
                    f"{name} = {value} is below none of kubeflow.volumes, "
                    f"{', '.join(mounts)}, and would be lost with each pod."
                )


def _paths_in(config: PipelineConfig) -> dict[str, str]:
    """Returns the locations in annotations, features and training, by their names."""
    found: dict[str, str] = {}

    def look(value: Any, name: str) -> None:
        if isinstance(value, Location):
            found[name] = str(value)
        elif isinstance(value, Config):
            for field in set(value.__fields__) - _BESIDE_ANNOTATIONS:
                look(getattr(value, field), f"{name}.{field}")
        elif isinstance(value, Mapping):
            for key, item in value.items():
                look(item, f"{name}.{key}")
        elif isinstance(value, tuple | list):
            for index, item in enumerate(value):
                look(item, f"{name}[{index}]")

    for name in ("corpus", "features", "training"):
        look(getattr(config, name), name)
    return found


def _image(settings: KubeflowConfig, stage: str) -> str:
    image = settings.of("image", stage)
    if not image:
        raise ConfigError(
            "there is no image to run the stages in: set kubeflow.image.default, or "
            "give --image."
        )
    return image


def _check_stages(settings: KubeflowConfig, stages: Sequence[str]) -> None:
    unknown = sorted(settings.stages_named() - set(stages))
    if unknown:
        raise ConfigError(
            f"kubeflow names the stage {unknown[0]}, but the pipeline's are "
            f"{', '.join(stages)}."
        )
    default = settings.image.get(DEFAULT)
    for stage in stages:
        resources = settings.of("resources", stage)
        if resources and resources.accelerator:
            image = settings.of("image", stage)
            if image == default:
                raise ConfigError(
                    f"{stage} asks for {resources.accelerator.type}, but its image is "
                    "the default one, which has no CUDA: set "
                    f"kubeflow.image.{stage} to the trainer's image."
                )
