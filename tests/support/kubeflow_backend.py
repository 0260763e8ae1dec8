"""What a Kubeflow Pipelines v2 backend does with a compiled pipeline, without one.

The YAML file alone says what runs: tasks in the order of `dependentTasks`, each with
`{{$}}` replaced by the JSON of its inputs, and what it writes about its outputs handed
to the tasks behind it. What the backend does not implement is refused.
"""

import graphlib
import json
import pathlib

import yaml
from absl import logging
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor


def run(path, folder):
    """Runs every task in this process; returns the outputs' artifacts by task."""
    specification = yaml.safe_load(pathlib.Path(path).read_text())
    assert specification["schemaVersion"] == "2.1.0"
    tasks = specification["root"]["dag"]["tasks"]
    order = graphlib.TopologicalSorter(
        {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    ).static_order()
    done = {}
    for name in order:
        component = specification["components"][tasks[name]["componentRef"]["name"]]
        executor = specification["deploymentSpec"]["executors"][
            component["executorLabel"]
        ]
        assert list(executor) == ["container"], f"{name}: not implemented"
        container = executor["container"]
        assert "lifecycle" not in container, f"{name}: ignored by the backend"
        done[name] = _run_task(
            name, tasks[name], component, container, done, pathlib.Path(folder)
        )
    return done


def _run_task(name, task, component, container, done, folder):
    inputs = task.get("inputs", {})
    outputs = component.get("outputDefinitions", {}).get("artifacts", {})
    output_file = folder / name / "executor_output.json"
    request = {
        "inputs": {
            "parameterValues": {
                key: value["runtimeValue"]["constant"]
                for key, value in inputs.get("parameters", {}).items()
            },
            "artifacts": {
                key: {"artifacts": [_produced(value["taskOutputArtifact"], done)]}
                for key, value in inputs.get("artifacts", {}).items()
            },
        },
        "outputs": {
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            "name": f"{name}.{key}",
                            "uri": str(folder / name / key),
                            "type": definition["artifactType"],
                        }
                    ]
                }
                for key, definition in outputs.items()
            },
            "outputFile": str(output_file),
        },
    }
    arguments = [
        argument.replace("{{$}}", json.dumps(request)) for argument in container["args"]
    ]
    assert container["command"][-1] == kubeflow_v2_run_executor.__name__
    kubeflow_v2_run_executor.main(kubeflow_v2_run_executor._parse_flags(arguments))
    logging.set_verbosity(logging.ERROR)
    written = json.loads(output_file.read_text()).get("artifacts", {})
    return {  # the backend knows the types; a task adds properties
        key: asked["artifacts"][0] | written[key]["artifacts"][0]
        for key, asked in request["outputs"]["artifacts"].items()
    }


def _produced(source, done):
    return done[source["producerTask"]][source["outputArtifactKey"]]
