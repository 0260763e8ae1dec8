"""What a Kubeflow backend hands to a task, as TFX can take it, and the way back.

The backend's launcher copies every input artifact to a folder of the pod before the
command starts, and uploads the outputs' folders when it has ended well. So a task needs
no file system of TensorFlow's for artifacts: it reads and writes folders.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

from transform.common.errors import KinescribeError

# A URI's scheme → the folder that the launcher keeps its local copies in.
LAUNCHER_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}


class StepError(KinescribeError):
    """A task was started in a way that it cannot work with."""


def local_path(uri: str, base: str = "/") -> str:
    """Returns the launcher's local path of an artifact; other paths are kept.

    Args:
        uri: Where the backend says that the artifact lies.
        base: The folder that holds the launcher's folders.
    """
    for scheme, folder in LAUNCHER_FOLDERS.items():
        if uri.startswith(scheme):
            return os.path.join(base, folder, uri.removeprefix(scheme))
    return uri


def localized(
    invocation: Mapping[str, Any],
    inputs_spec: Mapping[str, Any],
    task: str,
    base: str = "/",
) -> dict[str, Any]:
    """Returns an invocation that TFX's executors understand.

    Inputs without a type take it from the compiled pipeline, since the backend hands
    none; URIs become the launcher's paths; output parameters are left out, as TFX knows
    them for its value artifacts only.

    Args:
        invocation: The backend's `ExecutorInput`, from JSON.
        inputs_spec: The component's `ComponentInputsSpec`, from the compiled pipeline.
        task: The task's name, for messages.
        base: As for `local_path`.

    Raises:
        StepError: An input has no type there either, or has not been produced.
    """
    ours = copy.deepcopy(dict(invocation))
    inputs = ours.get("inputs", {}).get("artifacts", {})
    known = inputs_spec.get("artifacts", {})
    for key in {**known, **inputs}:
        if not inputs.get(key, {}).get("artifacts"):
            raise StepError(f"task {task} was given no artifact as its input {key}.")
        for artifact in inputs[key]["artifacts"]:
            if not any(artifact.get("type", {}).values()):
                artifact["type"] = _type(known, key, task)
    outputs = ours.get("outputs", {}).get("artifacts", {})
    for listed in (*inputs.values(), *outputs.values()):
        for artifact in listed["artifacts"]:
            artifact["uri"] = local_path(artifact["uri"], base)
    told = ours.setdefault("outputs", {})
    told.pop("parameters", None)
    if "outputFile" in told:
        told["outputFile"] = local_path(told["outputFile"], base)
    return ours


def output_uris(invocation: Mapping[str, Any], base: str = "/") -> dict[str, str]:
    """Returns each output's local path with the URI that it stands for."""
    return _uris(invocation.get("outputs", {}), base)


def all_uris(invocation: Mapping[str, Any], base: str = "/") -> dict[str, str]:
    """Returns each artifact's local path with the URI that it stands for."""
    inputs = _uris(invocation.get("inputs", {}), base)
    return {**inputs, **output_uris(invocation, base)}


def _uris(side: Mapping[str, Any], base: str) -> dict[str, str]:
    return {
        local_path(artifact["uri"], base): artifact["uri"]
        for listed in side.get("artifacts", {}).values()
        for artifact in listed["artifacts"]
    }


def published(
    output: Mapping[str, Any], invocation: Mapping[str, Any], base: str = "/"
) -> dict[str, Any]:
    """Returns what a task tells the backend about its outputs.

    The URIs are those that the backend gave, byte for byte, but for artifacts that a
    page shows: it can show a single object only, and is told which. Each output
    parameter is the property of that name which one of the output artifacts has.

    Args:
        output: TFX's `ExecutorOutput`, as JSON.
        invocation: The backend's own `ExecutorInput`, as JSON.
        base: As for `local_path`.

    Raises:
        StepError: No artifact has the property that a parameter asks for.
    """
    from components.shown_artifacts import SHOWN_FILE

    theirs = copy.deepcopy(dict(output))
    uris = output_uris(invocation, base)
    for listed in theirs.get("artifacts", {}).values():
        for artifact in listed["artifacts"]:
            artifact["uri"] = uris.get(artifact["uri"], artifact["uri"])
            if shown := artifact.get("metadata", {}).get(SHOWN_FILE):
                artifact["uri"] = f"{artifact['uri']}/{shown}"
    known = properties(theirs)
    for name in invocation.get("outputs", {}).get("parameters", {}):
        if name not in known:
            raise StepError(
                f"no output artifact has the property {name}, which is an output "
                "parameter of the compiled pipeline: compile it again."
            )
        theirs.setdefault("parameterValues", {})[name] = known[name]
    return theirs


def properties(output: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the properties of all artifacts in an `ExecutorOutput`, as JSON."""
    found: dict[str, Any] = {}
    for listed in output.get("artifacts", {}).values():
        for artifact in listed["artifacts"]:
            found.update(artifact.get("metadata", {}))
    return found


def _type(known: Mapping[str, Any], key: str, task: str) -> Mapping[str, Any]:
    declared = known.get(key, {}).get("artifactType")
    if not declared:
        raise StepError(
            f"input {key} of task {task} has no type, neither from the backend nor in "
            "the compiled pipeline: compile it again."
        )
    return declared
