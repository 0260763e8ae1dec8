"""Reads a job for Vertex AI and says what it would refuse, ignore or choke on.

`kinescribe compile --check --target vertex FILE`. Its tasks are handed typed inputs, so
that every artifact has a type and what is handed on has the one that is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from kubeflow import check as backend_check
from kubeflow.vertex import ACCELERATOR

_STRINGS = ("resourceCpuLimit", "resourceMemoryLimit")  # as Kubernetes has them


def check(path: str | os.PathLike[str]) -> list[str]:
    """Returns a sentence for each thing that is wrong; none if Vertex AI can run it.

    Raises:
        ConfigError: The file cannot be read as a job.
    """
    job, *platform = backend_check.read(path)
    with backend_check.well_formed(path):
        spec = job.get("pipelineSpec", {})
        return [
            *_job(job, bool(platform)),
            *(backend_check.problems(spec) if spec else ()),
            *_machines(spec),
            *_types(spec),
        ]


def _job(job: Mapping[str, Any], has_platform: bool) -> Iterator[str]:
    if "pipelineSpec" not in job:
        yield "the file is no PipelineJob: it has no pipelineSpec."
    root = job.get("runtimeConfig", {}).get("gcsOutputDirectory", "")
    if not root.startswith("gs://"):
        yield (
            f"runtimeConfig.gcsOutputDirectory is {root!r}: give artifacts a bucket of "
            "Google's, gs://bucket/folder."
        )
    if has_platform:
        yield "the document of platforms is about Kubernetes, and would be ignored."


def _machines(spec: Mapping[str, Any]) -> Iterator[str]:
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    for label, executor in executors.items():
        resources = executor.get("container", {}).get("resources", {})
        for name in _STRINGS:
            if name in resources:
                yield f"{label} has {name}, which is Kubernetes' and would be ignored."
        for name in ("cpuLimit", "memoryLimit"):
            if not isinstance(resources.get(name, 0.0), int | float):
                yield f"{label} has the {name} {resources[name]!r}, which is no number."
        if "accelerator" in resources:
            kind = resources["accelerator"].get("type", "")
            if not ACCELERATOR.fullmatch(kind):
                yield f"{label} asks for {kind!r}, no accelerator of Vertex AI."


def _types(spec: Mapping[str, Any]) -> Iterator[str]:
    """Finds artifacts without a type, and tasks that are handed one of another."""
    components = spec.get("components", {})
    for name, component in components.items():
        for side in ("inputDefinitions", "outputDefinitions"):
            for key, artifact in _artifacts(component, side).items():
                if not _title(artifact):
                    yield f"{name}: {key} has no type, by which tasks are handed it."
    for graph in (spec.get("root", {}), *components.values()):
        for name, task in graph.get("dag", {}).get("tasks", {}).items():
            wanted = _artifacts(_component(task, spec), "inputDefinitions")
            for key, source in task.get("inputs", {}).get("artifacts", {}).items():
                handed = _title(_handed(source, graph, spec))
                taken = _title(wanted.get(key, {}))
                if handed != taken:
                    yield f"task {name} takes {key} as {taken!r}, but gets {handed!r}."


def _handed(
    source: Mapping[str, Any], graph: Mapping[str, Any], spec: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Returns the definition of the artifact that a task of a graph is handed."""
    if key := source.get("componentInputArtifact"):
        return _artifacts(graph, "inputDefinitions").get(key, {})
    place = source.get("taskOutputArtifact", {})
    producer = graph["dag"]["tasks"].get(place.get("producerTask"), {})
    outputs = _artifacts(_component(producer, spec), "outputDefinitions")
    return outputs.get(place.get("outputArtifactKey"), {})


def _component(task: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    name = task.get("componentRef", {}).get("name")
    return spec.get("components", {}).get(name, {})


def _artifacts(component: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    return component.get(side, {}).get("artifacts", {})


def _title(artifact: Mapping[str, Any]) -> str:
    """Returns the name of an artifact's type; '' if it has none."""
    declared = artifact.get("artifactType", {})
    if title := declared.get("schemaTitle"):
        return title
    schema = yaml.safe_load(declared.get("instanceSchema", "")) or {}
    return schema.get("title", "") if isinstance(schema, Mapping) else ""
