"""Reads a compiled pipeline and says what a backend would refuse, ignore or choke on.

Any file will do, whatever wrote it: `kinescribe compile --check FILE`. The rules are
those of open-source Kubeflow Pipelines v2; "TFX on KFP v2: the traps" in
`docs/operations.md` explains each.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from transform.common import documents
from transform.common.config import ConfigError
from transform.common.location import Location, LocationError

SCHEMA_VERSION = "2.1.0"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PLACEHOLDER = re.compile(r"\{\{\$[^{}]*\}\}")
_KNOWN_PLACEHOLDERS = re.compile(
    r"\{\{\$\}\}"
    r"|\{\{\$\.inputs\.parameters\['[^']+'\]\}\}"
    r"|\{\{\$\.inputs\.artifacts\['[^']+'\]\.(uri|path)\}\}"
    r"|\{\{\$\.outputs\.parameters\['[^']+'\]\.output_file\}\}"
    r"|\{\{\$\.outputs\.artifacts\['[^']+'\]\.(uri|path)\}\}"
    r"|\{\{\$\.pipeline_(job|task)_(name|uuid|resource_name)\}\}"
)
_TFX_ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"


def check(path: str | os.PathLike[str]) -> list[str]:
    """Returns a sentence for each thing that is wrong; none if a backend can run it.

    Raises:
        ConfigError: The file cannot be read as a pipeline.
    """
    found = read(path)
    with well_formed(path):
        return list(problems(*found))


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Returns the documents of a compiled file: a pipeline or a job, and a platform.

    Raises:
        ConfigError: The file cannot be read as a pipeline.
    """
    try:
        parsed = documents.parse_all_yaml(Location(path).read_text(), str(path))
    except (LocationError, documents.DocumentError) as error:
        raise ConfigError(str(error)) from error
    found = [document for document in parsed if document is not None]
    if not 1 <= len(found) <= 2 or not all(isinstance(each, dict) for each in found):
        raise ConfigError(
            f"{path} is no pipeline: a mapping is expected, and at most a second one "
            "of platforms."
        )
    return found


def problems(
    spec: Mapping[str, Any], platform: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Finds what is wrong in a specification and its document of platforms."""
    yield from _whole(spec)
    yield from _tasks(spec)
    yield from _executors(spec, platform)


@contextlib.contextmanager
def well_formed(path: str | os.PathLike[str]) -> Iterator[None]:
    """Lets one kind of value in place of another be a `ConfigError` of the file's."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise ConfigError(
            f"{path} is no pipeline: {error}, where the specification has another kind "
            "of value."
        ) from error


def _whole(spec: Mapping[str, Any]) -> Iterator[str]:
    if "pipelineSpec" in spec:
        yield (
            "the file is a PipelineJob, which Vertex AI takes: a backend wants the "
            "PipelineSpec within it (or is it to be checked with --target vertex?)."
        )
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        yield (
            f"schemaVersion is {spec.get('schemaVersion')!r}; backends take "
            f"{SCHEMA_VERSION!r}."
        )
    name = spec.get("pipelineInfo", {}).get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 128:
        yield (
            f"pipelineInfo.name {name!r} must be of lower-case letters, digits and "
            "hyphens."
        )
    if "defaultPipelineRoot" in spec:
        yield (
            "defaultPipelineRoot is ignored for runs by API, command or schedule: "
            "give each run its pipeline_root."
        )


def _graphs(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    components = {"root": spec.get("root", {}), **spec.get("components", {})}
    for name, component in components.items():
        if "dag" in component:
            yield name, component["dag"].get("tasks", {})


def _tasks(spec: Mapping[str, Any]) -> Iterator[str]:
    components = spec.get("components", {})
    for graph, tasks in _graphs(spec):
        for name, task in tasks.items():
            where = f"task {name} of {graph}"
            if not _NAME.fullmatch(name):
                yield (
                    f"{where} has a name that is none for Kubernetes: lower-case "
                    "letters, digits and hyphens."
                )
            reference = task.get("componentRef", {}).get("name", "")
            if reference not in components:
                yield f"{where} is of the component {reference!r}, which is not there."
            for other in task.get("dependentTasks", ()):
                if other not in tasks:
                    yield f"{where} waits for {other}, which is not in its graph."
            yield from _inputs(where, task, tasks)


def _inputs(
    where: str, task: Mapping[str, Any], tasks: Mapping[str, Any]
) -> Iterator[str]:
    for kind in ("parameters", "artifacts"):
        for key, source in task.get("inputs", {}).get(kind, {}).items():
            for place in source.values():
                producer = isinstance(place, Mapping) and place.get("producerTask")
                if producer and producer not in tasks:
                    yield (
                        f"{where} takes {key} from {producer}, which is not in its "
                        "graph."
                    )
                if isinstance(place, Mapping) and "runtimeParameter" in place:
                    yield (
                        f"{where} takes {key} as a runtimeParameter, which backends "
                        "do not implement."
                    )


def _executors(
    spec: Mapping[str, Any], platform: Mapping[str, Any] | None
) -> Iterator[str]:
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    for label, executor in executors.items():
        if "resolver" in executor:
            yield f"{label} is a resolver, which backends do not implement."
        if "importer" in executor and not executor["importer"].get("artifactUri"):
            yield f"{label} imports an artifact without a URI."
        if container := executor.get("container"):
            yield from _container(label, container)
    kubernetes = (platform or {}).get("platforms", {}).get("kubernetes", {})
    for label in kubernetes.get("deploymentSpec", {}).get("executors", {}):
        if label not in executors:
            yield f"the platform document is about {label}, which is not there."


def _container(label: str, container: Mapping[str, Any]) -> Iterator[str]:
    if not container.get("image"):
        yield f"{label} has no image."
    if "lifecycle" in container:
        yield f"{label} has a lifecycle hook, which backends ignore."
    if not container.get("command"):
        yield f"{label} has no command: the launcher needs one to start."
    words = [*container.get("command", ()), *container.get("args", ())]
    if _TFX_ENTRY_POINT in words:
        yield (
            f"{label} starts TFX's own entry point, which fails on inputs without a "
            "type and on minio://; start kubeflow.step."
        )
    for word in words:
        for placeholder in _PLACEHOLDER.findall(str(word)):
            if not _KNOWN_PLACEHOLDERS.fullmatch(placeholder):
                yield (
                    f"{label} has the placeholder {placeholder}, which backends do "
                    "not replace."
                )
