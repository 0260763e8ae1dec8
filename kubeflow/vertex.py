"""Makes a job for Vertex AI Pipelines of a compiled pipeline.

It runs the same specification as an open-source backend, on machines that it chooses by
what a task asks for. What only Kubernetes has, it has not.
"""

from __future__ import annotations

import copy
import json
import os
import re

from kubeflow import compiler
from kubeflow.overlay import Spec, task_name
from pipeline.configs import PipelineConfig
from pipeline.kubeflow_config import DEFAULT, KubeflowConfig, Resources
from transform.common import storage
from transform.common.config import ConfigError
from transform.common.location import Location

ACCELERATOR = re.compile(r"(NVIDIA|TPU)_[A-Z0-9_]+")  # as Vertex AI names them
RUN_ID = "{{$.pipeline_job_uuid}}"  # a task's argument that becomes its run's id
_OF_KUBERNETES = ("volumes", "secrets", "placement", "timeouts")
_QUANTITY = re.compile(r"([\d.]+)(.*)")
# What the units of Kubernetes' quantities stand for.
_UNITS = {
    **{"": 1.0, "m": 1e-3},
    **{unit: 1000.0 ** (n + 1) for n, unit in enumerate("KMGT")},
    **{f"{unit}i": 1024.0 ** (n + 1) for n, unit in enumerate("KMGT")},
}


def compile_job(config: PipelineConfig, output: str | os.PathLike[str]) -> Spec:
    """Writes the pipeline as a JSON file with a PipelineJob for Vertex AI.

    Args:
        config: The configuration; everything lies in a bucket of Google's.
        output: The file; its name ends in .json.

    Raises:
        ConfigError: The configuration asks for what Vertex AI has not.
    """
    output = Location(output)
    if not output.endswith(".json"):
        raise ConfigError(f"{output} must end in .json to be taken by Vertex AI.")
    _check(config)
    settings = config.kubeflow
    root = settings.pipeline_root or f"{config.root.rstrip('/')}/artifacts"
    made = job(compiler.compile_config(config), settings, root)
    storage.write(output, json.dumps(made, indent=2, sort_keys=True) + "\n")
    return made


def job(compiled: compiler.Compiled, settings: KubeflowConfig, root: str) -> Spec:
    """Returns the PipelineJob of a compiled pipeline.

    Args:
        compiled: The pipeline as an open-source backend takes it.
        settings: What its stages ask for.
        root: The gs:// folder of artifacts.
    """
    spec = copy.deepcopy(compiled.specification)
    stages = {f"exec-{task_name(s)}": s for s in settings.stages_named()}
    for label, executor in spec["deploymentSpec"]["executors"].items():
        container = executor["container"]
        container["args"] = ["--run-id", RUN_ID, *container["args"]]
        container.pop("resources", None)
        if resources := settings.of("resources", stages.get(label, DEFAULT)):
            container["resources"] = machine(resources)
    return {
        "displayName": spec["pipelineInfo"]["name"],
        "pipelineSpec": spec,
        "runtimeConfig": {"gcsOutputDirectory": root},
    }


def machine(resources: Resources) -> Spec:
    """Returns what Vertex AI chooses a machine by: cores, gigabytes, accelerators."""
    found: Spec = {}
    if resources.cpu:
        found["cpuLimit"] = _number(resources.cpu)
    if resources.memory:
        found["memoryLimit"] = round(_number(resources.memory) / 1e9, 3)
    if resources.accelerator:
        found["accelerator"] = {
            "type": resources.accelerator.type,
            "count": str(resources.accelerator.count),
        }
    return found


def _check(config: PipelineConfig) -> None:
    """Refuses what would be lost, or left out, on Vertex AI."""
    places = {
        "root": config.root,
        "push_to": config.push_destination,
        "kubeflow.pipeline_root": config.kubeflow.pipeline_root or "gs://",
    }
    for name, place in places.items():
        if not place.startswith("gs://"):
            raise ConfigError(
                f"{name} = {place} is out of reach for Vertex AI, which keeps "
                "everything in buckets of Google's: give it as gs://bucket/folder."
            )
    for name in _OF_KUBERNETES:
        if getattr(config.kubeflow, name):
            raise ConfigError(
                f"kubeflow.{name} is for Kubernetes alone, and Vertex AI would run "
                "without it: leave it out."
            )
    for stage, resources in config.kubeflow.resources.items():
        asked = resources.accelerator
        if asked and not ACCELERATOR.fullmatch(asked.type):
            raise ConfigError(
                f"{stage} asks for {asked.type}, a resource of Kubernetes' nodes: name "
                "it as Vertex AI does, as in accelerator: {type: NVIDIA_L4}."
            )


def _number(quantity: str) -> float:
    """Returns a quantity of Kubernetes as a number: bytes, or cores."""
    match = _QUANTITY.fullmatch(quantity)
    assert match, f"{quantity} was checked when it was read"
    return float(match[1]) * _UNITS[match[2]]
