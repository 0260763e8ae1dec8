"""What TFX's compiler leaves out of a pipeline for Kubeflow: graph, pods and names.

TFX lays all tasks side by side and knows of a pod only its image. Everything here
takes the compiled specification as plain dictionaries and returns another one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from kubeflow.run_log import RUN_ID_VARIABLE
from pipeline.kubeflow_config import KubeflowConfig, seconds
from serving.pushing import provenance

Spec = dict[str, Any]

EXIT_HANDLER, CONDITION, EXIT_TASK = "exit-handler", "retrain", "tell"
TRAINING = "train"  # the condition of the tasks after the one that looks at the data
DECISION = "decision"  # output parameter of a task that decides
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


def with_system_types(spec: Mapping[str, Any]) -> Spec:
    """Returns a specification whose outputs that pages show are declared as such.

    TFX describes each type by a schema of its own; Vertex AI and Kubeflow's commands
    know theirs by title and version.
    """
    result = copy.deepcopy(dict(spec))
    for component in result["components"].values():
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        for output in outputs.values():
            schema = yaml.safe_load(output["artifactType"].get("instanceSchema", ""))
            title = (schema or {}).get("title", "")
            if title.startswith("system."):
                output["artifactType"] = {
                    "schemaTitle": title,
                    "schemaVersion": "0.0.1",
                }
    return result


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
    """Returns a stage's container, without its arguments; it knows its own image."""
    env = {**settings.env, provenance.IMAGE_VARIABLE: image}
    found: Spec = {
        "image": image,
        "command": list(command),
        "env": [{"name": name, "value": env[name]} for name in sorted(env)],
    }
    if resources := settings.of("resources", stage):
        found["resources"] = _resources(resources)
    return found


def with_decision(
    spec: Mapping[str, Any], stages: Mapping[str, str], exit_container: Spec
) -> Spec:
    """Returns the graph in which some tasks decide whether others run.

        exit-handler { decide → retrain { … drift → train { … } } }, then tell

    Args:
        spec: A flat specification.
        stages: The stages that decide, the first one first, and the name of the
            condition that holds what comes after. One of a stage's output artifacts has
            the property `DECISION`.
        exit_container: The container of the task that runs last, however the run ends.
    """
    result = copy.deepcopy(dict(spec))
    components = result["components"]
    outer = result["root"]["dag"]["tasks"]
    first = task_name(next(iter(stages)))
    for stage, condition in reversed(list(stages.items())):
        decider = task_name(stage)
        # Nothing starts before the first has decided.
        moved = set(outer) - {first} if decider == first else _after(outer, decider)
        outer = _with_condition(components, outer, decider, condition, moved)
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


def _with_condition(
    components: Spec, tasks: Spec, decider: str, name: str, inner_tasks: set[str]
) -> Spec:
    """Moves tasks into a graph that runs only if `decider` says so.

    Returns:
        The tasks that stay, and the condition.
    """
    moved = {other: task for other, task in tasks.items() if other in inner_tasks}
    stay = {other: task for other, task in tasks.items() if other not in moved}
    outputs = components[f"comp-{decider}"].setdefault("outputDefinitions", {})
    outputs.setdefault("parameters", {})[DECISION] = {"parameterType": "STRING"}
    before = {decider}
    handed: Spec = {}  # outputs of tasks that stay, which moved ones take
    for task in moved.values():
        wanted = set(task.pop("dependentTasks", []))
        before |= wanted - moved.keys()
        if inner := sorted(wanted & moved.keys()):
            task["dependentTasks"] = inner
        for artifact in task.get("inputs", {}).get("artifacts", {}).values():
            source = artifact.get("taskOutputArtifact", {})
            if source.get("producerTask", "") in stay:
                key = f"{source['producerTask']}--{source['outputArtifactKey']}"
                handed[key] = artifact.pop("taskOutputArtifact")
                artifact["componentInputArtifact"] = key
    channel = f"pipelinechannel--{decider}-{DECISION}"
    components[f"comp-{name}"] = {
        "dag": {"tasks": moved},
        "inputDefinitions": {
            "artifacts": {
                key: _input_type(
                    components[f"comp-{source['producerTask']}"]["outputDefinitions"][
                        "artifacts"
                    ][source["outputArtifactKey"]]
                )
                for key, source in handed.items()
            },
            "parameters": {channel: {"parameterType": "STRING"}},
        },
    }
    stay[name] = {
        "componentRef": {"name": f"comp-{name}"},
        "taskInfo": {"name": name},
        "dependentTasks": sorted(before),
        "inputs": {
            "artifacts": {
                key: {"taskOutputArtifact": source} for key, source in handed.items()
            },
            "parameters": {
                channel: {
                    "taskOutputParameter": {
                        "producerTask": decider,
                        "outputParameterKey": DECISION,
                    }
                }
            },
        },
        "triggerPolicy": {
            "condition": f"inputs.parameter_values['{channel}'] == '{RETRAIN}'"
        },
    }
    return stay


def _after(tasks: Mapping[str, Any], first: str) -> set[str]:
    """Returns the tasks that depend on one, directly or not."""
    found = {first}
    while more := {
        name
        for name, task in tasks.items()
        if name not in found and found & set(task.get("dependentTasks", []))
    }:
        found |= more
    return found - {first}


def with_parameters(
    spec: Mapping[str, Any],
    stages: Mapping[str, str],
    parameters: Mapping[str, tuple[str, Any]],
) -> Spec:
    """Lets a run set some parameters of the stages that decide.

    Args:
        spec: What `with_decision` returned.
        stages: What it was given. The first takes all parameters, others what they
            have of them.
        parameters: Name → the type that Kubeflow knows it by, and its default.
    """
    result = copy.deepcopy(dict(spec))
    graphs = [EXIT_HANDLER, *list(stages.values())[:-1]]
    around = result["root"]
    around["inputDefinitions"] = {
        "parameters": {
            name: {"parameterType": kind, "isOptional": True, "defaultValue": default}
            for name, (kind, default) in parameters.items()
        }
    }
    for graph, stage in zip(graphs, stages, strict=True):
        inner = result["components"][f"comp-{graph}"]
        _hand(around["dag"]["tasks"][graph], parameters)
        defined = inner.setdefault("inputDefinitions", {}).setdefault("parameters", {})
        for name, (kind, _) in parameters.items():
            defined[name] = {"parameterType": kind}
        task = inner["dag"]["tasks"][task_name(stage)]
        _hand(task, [n for n in parameters if n in task["inputs"]["parameters"]])
        around = inner
    return result


def _hand(task: Spec, names: Iterable[str]) -> None:
    """Lets a task take parameters of the graph that it is in."""
    inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
    for name in names:
        inputs[name] = {"componentInputParameter": name}


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
