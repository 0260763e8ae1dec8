"""What TFX's compiler leaves out of a pipeline for Kubeflow: graph, pods and names.

TFX lays all tasks side by side and knows of a pod only its image. Everything here
takes the compiled specification as plain dictionaries and returns another one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kubeflow.run_log import RUN_ID_VARIABLE
from pipeline.kubeflow_config import KubeflowConfig, seconds

Spec = dict[str, Any]

EXIT_HANDLER, CONDITION, EXIT_TASK = "exit-handler", "retrain", "tell"
DECISION = "decision"  # output parameter of the task that decides
RETRAIN = "retrain"  # its value if the other tasks shall run


def task_name(stage: str) -> str:
    """Returns the task of a stage: `video-example-gen` for `VideoExampleGen`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", stage).lower()


def renamed(spec: Mapping[str, Any]) -> Spec:
    """Returns a flat specification whose names Argo and Kubernetes take."""
    components = {}
    executors = {}
    tasks = {}
    for stage, component in spec["components"].items():
        name = task_name(stage)
        label = component["executorLabel"]
        components[f"comp-{name}"] = {**component, "executorLabel": f"exec-{name}"}
        executors[f"exec-{name}"] = copy.deepcopy(
            spec["deploymentSpec"]["executors"][label]
        )
    for stage, original in spec["root"]["dag"]["tasks"].items():
        name = task_name(stage)
        task = copy.deepcopy(original)
        task["componentRef"] = {"name": f"comp-{name}"}
        task["taskInfo"] = {"name": name}
        if "dependentTasks" in task:
            task["dependentTasks"] = [task_name(s) for s in task["dependentTasks"]]
        for artifact in task.get("inputs", {}).get("artifacts", {}).values():
            source = artifact["taskOutputArtifact"]
            source["producerTask"] = task_name(source["producerTask"])
        tasks[name] = task
    return {
        **spec,
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {"dag": {"tasks": tasks}},
    }


def with_containers(
    spec: Mapping[str, Any],
    settings: KubeflowConfig,
    stages: Iterable[str],
    run_log: str,
) -> Spec:
    """Adds to each stage its name, its log, resources, environment and retries."""
    result = copy.deepcopy(dict(spec))
    executors = result["deploymentSpec"]["executors"]
    tasks = result["root"]["dag"]["tasks"]
    for stage in stages:
        name = task_name(stage)
        compiled = executors[f"exec-{name}"]["container"]
        executors[f"exec-{name}"]["container"] = {
            **container(settings, stage, compiled["image"], compiled["command"]),
            "args": ["--task", name, "--run-log", run_log, *compiled["args"]],
        }
        if policy := _retry_policy(settings, stage):
            tasks[name]["retryPolicy"] = policy
    return result


def container(
    settings: KubeflowConfig, stage: str, image: str, command: Iterable[str]
) -> Spec:
    """Returns a stage's container, without its arguments."""
    found: Spec = {"image": image, "command": list(command)}
    if settings.env:
        found["env"] = [
            {"name": name, "value": value}
            for name, value in sorted(settings.env.items())
        ]
    if resources := settings.of("resources", stage):
        found["resources"] = _resources(resources)
    return found


def with_decision(spec: Mapping[str, Any], stage: str, exit_container: Spec) -> Spec:
    """Returns the graph in which one task decides whether the others run.

        exit-handler { decide → retrain { all other tasks } }, then tell

    Args:
        spec: A flat specification.
        stage: The stage that decides; one of its output artifacts has the property
            `DECISION`.
        exit_container: The container of the task that runs last, however the run ends.
    """
    result = copy.deepcopy(dict(spec))
    components = result["components"]
    decide = task_name(stage)
    inner = result["root"]["dag"]["tasks"]
    outer = {decide: inner.pop(decide)}
    outputs = components[f"comp-{decide}"].setdefault("outputDefinitions", {})
    outputs.setdefault("parameters", {})[DECISION] = {"parameterType": "STRING"}

    handed: Spec = {}  # outputs of `decide` that tasks of the condition take
    for task in inner.values():
        if decide in task.get("dependentTasks", []):
            task["dependentTasks"].remove(decide)
            if not task["dependentTasks"]:
                del task["dependentTasks"]
        for artifact in task.get("inputs", {}).get("artifacts", {}).values():
            source = artifact.get("taskOutputArtifact", {})
            if source.get("producerTask") == decide:
                key = source["outputArtifactKey"]
                handed[key] = artifact.pop("taskOutputArtifact")
                artifact["componentInputArtifact"] = key
    types = outputs.get("artifacts", {})
    channel = f"pipelinechannel--{decide}-{DECISION}"
    components[f"comp-{CONDITION}"] = {
        "dag": {"tasks": inner},
        "inputDefinitions": {
            "artifacts": {key: _input_type(types[key]) for key in handed},
            "parameters": {channel: {"parameterType": "STRING"}},
        },
    }
    outer[CONDITION] = {
        "componentRef": {"name": f"comp-{CONDITION}"},
        "taskInfo": {"name": CONDITION},
        "dependentTasks": [decide],
        "inputs": {
            "artifacts": {
                key: {"taskOutputArtifact": source} for key, source in handed.items()
            },
            "parameters": {
                channel: {
                    "taskOutputParameter": {
                        "producerTask": decide,
                        "outputParameterKey": DECISION,
                    }
                }
            },
        },
        "triggerPolicy": {
            "condition": f"inputs.parameter_values['{channel}'] == '{RETRAIN}'"
        },
    }
    components[f"comp-{EXIT_HANDLER}"] = {"dag": {"tasks": outer}}
    components[f"comp-{EXIT_TASK}"] = {
        "executorLabel": f"exec-{EXIT_TASK}",
        "inputDefinitions": {
            "parameters": {
                "status": {"isOptional": True, "parameterType": "TASK_FINAL_STATUS"}
            }
        },
    }
    result["deploymentSpec"]["executors"][f"exec-{EXIT_TASK}"] = {
        "container": exit_container
    }
    result["root"] = {
        "dag": {
            "tasks": {
                EXIT_HANDLER: {
                    "componentRef": {"name": f"comp-{EXIT_HANDLER}"},
                    "taskInfo": {"name": EXIT_HANDLER},
                },
                EXIT_TASK: {
                    "componentRef": {"name": f"comp-{EXIT_TASK}"},
                    "taskInfo": {"name": EXIT_TASK},
                    "dependentTasks": [EXIT_HANDLER],
                    "inputs": {
                        "parameters": {
                            "status": {
                                "taskFinalStatus": {"producerTask": EXIT_HANDLER}
                            }
                        }
                    },
                    "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                },
            }
        }
    }
    return result


def with_parameters(
    spec: Mapping[str, Any], stage: str, parameters: Mapping[str, tuple[str, Any]]
) -> Spec:
    """Lets a run set some parameters of the stage that decides.

    Args:
        spec: What `with_decision` returned.
        stage: The stage that decides.
        parameters: Name → the type that Kubeflow knows it by, and its default.
    """
    result = copy.deepcopy(dict(spec))
    definitions = {
        name: {"parameterType": kind, "isOptional": True, "defaultValue": default}
        for name, (kind, default) in parameters.items()
    }
    handed = {name: {"componentInputParameter": name} for name in parameters}
    decide = task_name(stage)
    outer = result["components"][f"comp-{EXIT_HANDLER}"]
    result["root"]["inputDefinitions"] = {"parameters": definitions}
    result["root"]["dag"]["tasks"][EXIT_HANDLER]["inputs"] = {"parameters": handed}
    outer["inputDefinitions"] = {
        "parameters": {
            name: {"parameterType": kind} for name, (kind, _) in parameters.items()
        }
    }
    inputs = outer["dag"]["tasks"][decide]["inputs"]["parameters"]
    for name, value in handed.items():
        assert name in inputs, name
        inputs[name] = dict(value)
    return result


def platform(settings: KubeflowConfig, stages: Iterable[str]) -> Spec:
    """Returns the second document of the file: what only Kubernetes has.

    Args:
        settings: How the cluster runs the stages.
        stages: Their names, the exit task's among them.
    """
    return {
        "platforms": {
            "kubernetes": {
                "deploymentSpec": {
                    "executors": {
                        f"exec-{task_name(stage)}": _pod(settings, stage)
                        for stage in stages
                    }
                }
            }
        }
    }


def _input_type(output: Mapping[str, Any]) -> Spec:
    return {"artifactType": dict(output["artifactType"])}


def _retry_policy(settings: KubeflowConfig, stage: str) -> Spec | None:
    retries = settings.of("retries", stage)
    if not retries or not retries.times:
        return None
    return {
        "maxRetryCount": retries.times,
        "backoffDuration": f"{seconds(retries.backoff)}s",
        "backoffFactor": retries.factor,
        "backoffMaxDuration": f"{seconds(retries.max)}s",
    }


def _resources(resources: Any) -> Spec:
    """Returns limits and equal requests, so that a pod is never put out for another."""
    found: Spec = {}
    if resources.cpu:
        found["resourceCpuLimit"] = found["resourceCpuRequest"] = resources.cpu
    if resources.memory:
        found["resourceMemoryLimit"] = resources.memory
        found["resourceMemoryRequest"] = resources.memory
    if resources.accelerator:
        found["accelerator"] = {
            "resourceType": resources.accelerator.type,
            "resourceCount": str(resources.accelerator.count),
        }
    return found


def _pod(settings: KubeflowConfig, stage: str) -> Spec:
    pod: Spec = {
        "imagePullPolicy": "IfNotPresent",
        "fieldPathAsEnv": [
            {
                "name": RUN_ID_VARIABLE,
                "fieldPath": "metadata.labels['pipeline/runid']",
            }
        ],
    }
    if limit := settings.of("timeouts", stage):
        pod["activeDeadlineSeconds"] = str(seconds(limit))
    if settings.volumes:
        pod["pvcMount"] = [
            {
                "constant": volume.claim,
                "mountPath": volume.mount,
                "pvcNameParameter": _constant(volume.claim),
            }
            for volume in settings.volumes
        ]
    if settings.secrets:
        pod["secretAsEnv"] = [
            {
                "secretName": secret.name,
                "secretNameParameter": _constant(secret.name),
                "optional": False,
                "keyToEnv": [
                    {"secretKey": key, "envVar": name}
                    for name, key in sorted(secret.env.items())
                ],
            }
            for secret in settings.secrets
        ]
    if placement := settings.of("placement", stage):
        if placement.node_selector:
            pod["nodeSelector"] = {"labels": dict(placement.node_selector)}
        if placement.tolerations:
            pod["tolerations"] = [
                {name: value for name, value in toleration.to_dict().items() if value}
                for toleration in placement.tolerations
            ]
    return pod


def _constant(value: str) -> Spec:
    return {"runtimeValue": {"constant": value}}
