"""What an open-source Kubeflow Pipelines v2 backend does with a file, but no cluster.

The file alone says what runs. `Backend` is the driver, which resolves a task's inputs
and decides whether it runs, and the launcher, which surrounds its command. Each rule
stands beside the place that it was read from: files below `backend/src/v2` of
github.com/kubeflow/pipelines, with the line at 2.17.0 or the function. What is not in
here is refused rather than guessed.

Driver
  root       `defaultPipelineRoot` is read by nobody: the run's own root holds, else the
             ConfigMap's, else minio://      driver/root_dag.go:97-115, config/env.go:38
  schemes    gs, s3, minio; folders are refused       objectstore/config.go:133-138
  URIs       <root>/<pipeline>/<run>/<task>/<salt>/<key>
  types      an input's is {"instanceSchema": ""}     metadata/client.go:1144
  metadata   numbers are doubles, names are ids of MLMD, which adds display_name and
             store_session_info
  condition  triggerPolicy.condition, in CEL; a task that it keeps from running is no
             failure
  last       ALL_UPSTREAM_TASKS_COMPLETED runs after failures, too, and is told of them
  retries    retryPolicy.maxRetryCount further attempts
Launcher
  download   all objects of each input, first         component/launcher_v2.go:977
  folders    each output's parent, not the output   launcher_v2.go prepareOutputFolders
  argument   {{$}} is ExecutorInput as JSON           launcher_v2.go getPlaceholders
  exit       any code but 0 is a failure; nothing is uploaded   launcher_v2.go execute
  parameters each output parameter is there, of its type
             launcher_v2.go collectOutputParameters
  upload     the local path of the URI that the task tells, a file or files below it:
             none is allowed, and a URI of no bucket is passed over
             launcher_v2.go uploadOutputArtifacts, object_store.go UploadBlob
  merge      the task's metadata over the driver's  launcher_v2.go mergeRuntimeArtifacts
"""

from __future__ import annotations

import copy
import graphlib
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
import yaml
from absl import logging

from kubeflow import step, tell
from serving.pushing import provenance
from tests.support.paths import ROOT
from transform.common import filesystems

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
_SCHEMES = {"gs": "gcs", "s3": "s3", "minio": "minio"}
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'")


class TaskFailedError(Exception):
    """A task failed, in the backend's eyes."""


class Pod(NamedTuple):
    """What a container sees: its command, its files and its environment."""

    task: str
    command: Sequence[str]
    folder: pathlib.Path  # stands for the root folder, as far as the launcher uses it
    environment: Mapping[str, str]


class Task(NamedTuple):
    """How a task ended."""

    state: str  # SUCCEEDED, FAILED, SKIPPED or CONDITION_FALSE
    attempts: int = 0
    artifacts: Mapping[str, Any] = {}
    parameters: Mapping[str, Any] = {}
    message: str = ""  # the pod's termination message


class Run(NamedTuple):
    """How a run ended."""

    state: str  # SUCCEEDED or FAILED
    tasks: Mapping[str, Task]
    folder: pathlib.Path

    @property
    def ran(self) -> list[str]:
        """The tasks whose commands were started, in their order."""
        return [name for name, task in self.tasks.items() if task.attempts]


def in_a_process(pod: Pod) -> int:
    """Runs a container's command as a process; returns its exit code."""
    program = sys.executable if pod.command[0] == "python" else pod.command[0]
    return subprocess.run(
        [program, *pod.command[1:]],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | pod.environment,
        cwd=pod.folder,
    ).returncode


def in_this_process(pod: Pod) -> int:
    """Runs a container's command without the seconds that imports take."""
    module, arguments = pod.command[2], pod.command[3:]
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pod.environment.items():
            patch.setenv(name, value)
        patch.setenv(provenance.ARTIFACTS_VARIABLE, "{}")  # which a step sets
        # After tensorflow-io was imported a process aborts in its exit handlers.
        patch.setattr(filesystems, "register", lambda arguments: False)
        patch.setattr("sys.argv", ["test"])
        if module == "kubeflow.step":
            code = step.run(arguments, step.Pod.of_environment())
        else:
            assert module == "kubeflow.tell", module
            tell.main(arguments)
    logging.set_verbosity(logging.ERROR)
    return code


class Backend:
    """A backend with its object store.

    Args:
        folder: Everything is below it: `store/<scheme>/<bucket>` and `pods/<task>`.
        start: What runs a container.
    """

    def __init__(
        self, folder: pathlib.Path, start: Callable[[Pod], int] = in_a_process
    ):
        self._folder = folder
        self._start = start
        self._ids = itertools.count(1)
        self.downloaded: dict[str, int] = {}  # bytes by task, of the last run

    def run(
        self,
        file: pathlib.Path,
        parameters: Mapping[str, Any] | None = None,
        pipeline_root: str = "",
    ) -> Run:
        """Runs a compiled pipeline; tasks that fail are told of, not raised."""
        return self.execute(*self.read(file, pipeline_root), parameters)

    def read(self, file: pathlib.Path, pipeline_root: str) -> tuple[dict, dict, str]:
        """Returns a file's specification, what its pods have besides, and the root."""
        documents = list(yaml.safe_load_all(file.read_text()))
        spec = documents[0]
        assert spec["schemaVersion"] == "2.1.0"
        platform = documents[1] if len(documents) > 1 else {}
        root = f"{pipeline_root or DEFAULT_ROOT}/{spec['pipelineInfo']['name']}"
        pods = platform.get("platforms", {}).get("kubernetes", {})
        return spec, pods, root

    def execute(
        self,
        spec: dict,
        pods: dict,
        root: str,
        parameters: Mapping[str, Any] | None = None,
    ) -> Run:
        """Runs a specification, with what Kubernetes adds to its pods."""
        run_id = f"run-{next(self._ids)}"
        self.downloaded = {}
        execution = _Execution(self, spec, pods, f"{root}/{run_id}", run_id)
        definitions = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        values = {
            name: definition["defaultValue"] for name, definition in definitions.items()
        }
        unknown = set(parameters or {}) - set(values)
        assert not unknown, f"the pipeline has no parameters {unknown}"
        state = execution.dag(spec["root"], {**values, **(parameters or {})}, {})
        return Run(state, execution.tasks, self._folder / "pods" / run_id)

    def stored(self, uri: str) -> pathlib.Path:
        """Returns where an object or a folder of the store lies."""
        scheme, separator, key = uri.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise TaskFailedError(
                f'parse bucket config failed: unsupported Cloud bucket: "{uri}"'
            )
        return self._folder / "store" / scheme / key

    def task_root(self, root: str, task: str, attempt: int) -> str:
        """Returns the folder of the outputs of one attempt at a task."""
        return f"{root}/{task}/{attempt:08d}"

    def handed(self, artifact: Mapping, number: int) -> dict:
        """Returns an output as the next task is handed it, through ML Metadata."""
        metadata = {k: _as_number(v) for k, v in artifact["metadata"].items()}
        return {
            "name": str(number),
            "uri": artifact["uri"],
            "type": {"instanceSchema": ""},
            "metadata": {
                **metadata,
                "display_name": artifact["name"],
                "store_session_info": '{"Provider": "minio"}',
            },
        }

    def prepare(self, task: str, request: dict, pod: pathlib.Path) -> pathlib.Path:
        """Copies inputs to a pod and makes folders; returns the file of outputs."""
        for artifact in _in_a_bucket(request["inputs"]):
            local, stored = _local(pod, artifact["uri"]), self.stored(artifact["uri"])
            for file in stored.rglob("*") if stored.is_dir() else ():
                if file.is_file():
                    copied = local / file.relative_to(stored)
                    copied.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copied)
                    size = file.stat().st_size
                    self.downloaded[task] = self.downloaded.get(task, 0) + size
        for artifact in _artifacts(request["outputs"]):
            _local(pod, artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
        output_file = pod / "tmp/kfp_outputs/output_metadata.json"
        output_file.parent.mkdir(parents=True)
        return output_file

    def collect(self, output: Mapping, pod: pathlib.Path) -> None:
        """Uploads what a task has made, where it says that it lies."""
        for artifact in _in_a_bucket(output):
            local = _local(pod, artifact["uri"])
            for file in [local, *local.rglob("*")]:
                if file.is_file():
                    stored = self.stored(artifact["uri"]) / file.relative_to(local)
                    stored.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, stored)

    def filled(self, argument: str, request: Mapping, run_id: str) -> str:
        """Returns a container's argument with its placeholders replaced."""
        del run_id  # which is in the environment
        return _filled(argument, request)

    def launch(
        self,
        run_id: str,
        task: str,
        attempt: int,
        request: dict,
        container: Mapping,
        env: Mapping,
    ) -> tuple[dict, str]:
        """Does the launcher's work; returns `ExecutorOutput` and the pod's message."""
        pod = self._folder / "pods" / run_id / f"{task}-{attempt}"
        pod.mkdir(parents=True)
        request = copy.deepcopy(request)
        output_file = self.prepare(task, request, pod)
        request["outputs"]["outputFile"] = str(output_file)
        command = [
            self.filled(argument, request, run_id)
            for argument in (*container["command"], *container["args"])
        ]
        log = pod / "termination-log"
        code = self._start(
            Pod(
                task,
                command,
                pod,
                {
                    **{e["name"]: e["value"] for e in container.get("env", ())},
                    **env,
                    "KINESCRIBE_POD_BASE": str(pod),
                    "KINESCRIBE_TERMINATION_LOG": str(log),
                },
            )
        )
        message = log.read_text() if log.exists() else ""
        if code:
            raise TaskFailedError(message or f"exit status {code}")
        output = json.loads(output_file.read_text()) if output_file.exists() else {}
        self.collect(output, pod)
        return output, message


class _Execution:
    """One run: its graph, and what its tasks have produced."""

    def __init__(self, backend: Backend, spec: dict, platform: dict, root: str, run_id):
        self._backend = backend
        self._spec = spec
        self._pods = platform.get("deploymentSpec", {}).get("executors", {})
        self._root = root
        self._run_id = run_id
        self._mlmd_ids = itertools.count(1)
        self.tasks: dict[str, Task] = {}

    def dag(self, component: dict, parameters: Mapping, artifacts: Mapping) -> str:
        """Runs the tasks of a graph in their order; returns its state."""
        tasks = component["dag"]["tasks"]
        order = graphlib.TopologicalSorter(
            {name: _upstream(task) for name, task in tasks.items()}
        ).static_order()
        done: dict[str, Task] = {}
        for name in order:
            task = tasks[name]
            before = [done[other].state for other in _upstream(task)]
            policy = task.get("triggerPolicy", {})
            last = policy.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
            if not last and set(before) - {"SUCCEEDED"}:
                done[name] = self.tasks[name] = Task("SKIPPED")
                continue
            inputs = self._inputs(task, parameters, artifacts, done)
            if "condition" in policy and not _holds(policy["condition"], inputs[0]):
                done[name] = self.tasks[name] = Task("CONDITION_FALSE")
                continue
            done[name] = self._run(name, task, *inputs)
        states = {task.state for task in done.values()}
        return "FAILED" if "FAILED" in states else "SUCCEEDED"

    def _run(self, name: str, task: dict, parameters: dict, artifacts: dict) -> Task:
        component = self._spec["components"][task["componentRef"]["name"]]
        if "dag" in component:
            return Task(self.dag(component, parameters, artifacts))
        label = component["executorLabel"]
        executor = self._spec["deploymentSpec"]["executors"][label]
        assert list(executor) == ["container"], f"{name}: not implemented"
        container = executor["container"]
        assert "lifecycle" not in container, f"{name}: ignored by the backend"
        definitions = component.get("inputDefinitions", {})
        _check_parameters(name, definitions.get("parameters", {}), parameters)
        attempts = 1 + int(task.get("retryPolicy", {}).get("maxRetryCount", 0))
        result = Task("FAILED")
        for attempt in range(1, attempts + 1):
            try:
                result = self._attempt(
                    name, attempt, component, container, parameters, artifacts
                )
                break
            except TaskFailedError as failure:
                result = Task("FAILED", attempt, message=str(failure))
        self.tasks[name] = result
        return result

    def _attempt(self, name, attempt, component, container, parameters, artifacts):
        outputs = component.get("outputDefinitions", {})
        folder = self._backend.task_root(self._root, name, attempt)
        self._backend.stored(folder)  # a root that is no bucket fails here
        request: dict[str, Any] = {
            "inputs": {
                "parameterValues": parameters,
                "artifacts": {k: {"artifacts": [v]} for k, v in artifacts.items()},
            },
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": key,
                                "uri": f"{folder}/{key}",
                                "type": definition["artifactType"],
                                "metadata": {},
                            }
                        ]
                    }
                    for key, definition in outputs.get("artifacts", {}).items()
                },
                "parameters": {
                    key: {"outputFile": f"/tmp/kfp/outputs/{key}"}
                    for key in outputs.get("parameters", {})
                },
            },
        }
        pod = self._pods.get(component["executorLabel"], {})
        env = {e["name"]: self._run_id for e in pod.get("fieldPathAsEnv", ())}
        output, message = self._backend.launch(
            self._run_id, name, attempt, request, container, env
        )
        values = output.get("parameterValues", {})
        for key, definition in outputs.get("parameters", {}).items():
            if key not in values:
                raise TaskFailedError(f"failed to read output parameter {key}")
            _check_type(key, definition["parameterType"], values[key])
        made = {}
        for key, listed in request["outputs"]["artifacts"].items():
            [asked] = listed["artifacts"]
            [told] = output.get("artifacts", {}).get(key, {}).get("artifacts") or [{}]
            made[key] = {**asked, "uri": told.get("uri") or asked["uri"]}
            made[key]["metadata"] = {**asked["metadata"], **told.get("metadata", {})}
        return Task("SUCCEEDED", attempt, made, values, message)

    def _inputs(self, task, parameters, artifacts, done):
        """Resolves a task's inputs as the driver does."""
        asked = task.get("inputs", {})
        values = {}
        for key, source in asked.get("parameters", {}).items():
            [(kind, place)] = source.items()
            if kind == "runtimeValue":
                values[key] = _as_number(place["constant"])
            elif kind == "componentInputParameter":
                values[key] = parameters[place]
            elif kind == "taskOutputParameter":
                producer = done[place["producerTask"]]
                values[key] = producer.parameters[place["outputParameterKey"]]
            elif kind == "taskFinalStatus":
                ended = done[place["producerTask"]]
                failed = [t for t in self.tasks.values() if t.state == "FAILED"]
                values[key] = {
                    "state": ended.state,
                    "pipelineJobResourceName": self._run_id,
                    "pipelineTaskName": place["producerTask"],
                    "error": {"message": failed[0].message} if failed else {},
                }
            else:
                raise AssertionError(f"{kind}: not implemented")
        found = {}
        for key, source in asked.get("artifacts", {}).items():
            [(kind, place)] = source.items()
            if kind == "componentInputArtifact":
                found[key] = artifacts[place]
            elif kind == "taskOutputArtifact":
                producer = done[place["producerTask"]]
                found[key] = self._backend.handed(
                    producer.artifacts[place["outputArtifactKey"]],
                    next(self._mlmd_ids),
                )
            else:
                raise AssertionError(f"{kind}: not implemented")
        return values, found


def _upstream(task: Mapping) -> set[str]:
    inputs = task.get("inputs", {})
    sources = itertools.chain(
        inputs.get("artifacts", {}).values(), inputs.get("parameters", {}).values()
    )
    producers = {
        place["producerTask"]
        for source in sources
        for place in source.values()
        if isinstance(place, Mapping) and "producerTask" in place
    }
    return producers | set(task.get("dependentTasks", ()))


def _artifacts(places: Mapping) -> list[dict]:
    listed = places.get("artifacts", {}).values()
    return [artifact for one in listed for artifact in one["artifacts"]]


def _in_a_bucket(places: Mapping) -> list[dict]:
    return [a for a in _artifacts(places) if a["uri"].partition("://")[0] in _SCHEMES]


def _local(pod: pathlib.Path, uri: str) -> pathlib.Path:
    scheme, _, key = uri.partition("://")
    return pod / _SCHEMES[scheme] / key


def _filled(argument: str, request: Mapping) -> str:
    argument = argument.replace("{{$}}", json.dumps(request))
    for name, value in request["inputs"]["parameterValues"].items():
        text = value if isinstance(value, str) else json.dumps(value)
        argument = argument.replace(f"{{{{$.inputs.parameters['{name}']}}}}", text)
    return argument


def _holds(condition: str, parameters: Mapping) -> bool:
    match = _CONDITION.fullmatch(condition)
    assert match, f"{condition}: more CEL than is in here"
    return parameters[match[1]] == match[2]


def _check_parameters(task: str, definitions: Mapping, values: Mapping) -> None:
    for name, value in values.items():
        assert name in definitions, f"{task} has no parameter {name}"
        _check_type(name, definitions[name]["parameterType"], value)


def _check_type(name: str, kind: str, value: Any) -> None:
    types: dict[str, Any] = {
        "STRING": str,
        "BOOLEAN": bool,
        "NUMBER_INTEGER": float,
        "NUMBER_DOUBLE": float,
        "TASK_FINAL_STATUS": dict,
    }
    if not isinstance(_as_number(value), types[kind]):
        raise TaskFailedError(f"parameter {name} is no {kind}: {value!r}")


def _as_number(value: Any) -> Any:
    """All numbers of a protobuf Struct are doubles."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
