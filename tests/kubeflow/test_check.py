import copy
import pathlib

import pytest
import yaml

from kubeflow.check import check
from transform.common.config import ConfigError

SOUND = {
    "pipelineInfo": {"name": "fake"},
    "schemaVersion": "2.1.0",
    "components": {"comp-a": {"executorLabel": "exec-a"}},
    "deploymentSpec": {
        "executors": {
            "exec-a": {
                "container": {
                    "image": "registry/k:7",
                    "command": ["python", "-m", "kubeflow.step"],
                    "args": ["{{$}}", "{{$.inputs.parameters['x']}}"],
                }
            }
        }
    },
    "root": {"dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}}}}},
}


def written(folder: pathlib.Path, *documents):
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return path


def executor(spec):
    return spec["deploymentSpec"]["executors"]["exec-a"]


def tasks(spec):
    return spec["root"]["dag"]["tasks"]


def resolver(spec):
    executor(spec)["resolver"] = {}


def importer(spec):
    executor(spec)["importer"] = {"artifactUri": {}}


def lifecycle(spec):
    executor(spec)["container"]["lifecycle"] = {}


def placeholder(spec):
    executor(spec)["container"]["args"].append("{{$.json_escape[1]}}")


def without_command(spec):
    del executor(spec)["container"]["command"]


def without_image(spec):
    executor(spec)["container"]["image"] = ""


def version(spec):
    spec["schemaVersion"] = "2.0.0"


def root(spec):
    spec["defaultPipelineRoot"] = "gs://bucket"


def pipeline_name(spec):
    spec["pipelineInfo"]["name"] = "My_Pipeline"


def task_name(spec):
    tasks(spec)["VideoExampleGen"] = tasks(spec)["a"]


def component(spec):
    tasks(spec)["a"]["componentRef"]["name"] = "comp-b"


def upstream(spec):
    tasks(spec)["a"]["dependentTasks"] = ["b"]


def producer(spec):
    place = {"taskOutputArtifact": {"producerTask": "b", "outputArtifactKey": "k"}}
    tasks(spec)["a"]["inputs"] = {"artifacts": {"x": place}}


def runtime_parameter(spec):
    place = {"runtimeValue": {"runtimeParameter": "x"}}
    tasks(spec)["a"]["inputs"] = {"parameters": {"x": place}}


def job(spec):
    spec["pipelineSpec"] = {}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (resolver, "is a resolver"),
        (importer, "without a URI"),
        (lifecycle, "lifecycle hook"),
        (placeholder, "placeholder {{$.json_escape[1]}}"),
        (without_command, "has no command"),
        (without_image, "has no image"),
        (version, "schemaVersion is '2.0.0'"),
        (root, "defaultPipelineRoot is ignored"),
        (pipeline_name, "'My_Pipeline' must be of lower-case"),
        (task_name, "task VideoExampleGen of root has a name"),
        (component, "component 'comp-b', which is not there"),
        (upstream, "waits for b"),
        (producer, "takes x from b"),
        (runtime_parameter, "takes x as a runtimeParameter"),
        (job, "is a PipelineJob"),
    ],
)
def test_each_thing_that_a_backend_cannot_do_is_one_sentence(tmp_path, spoil, sentence):
    spec = copy.deepcopy(SOUND)
    assert check(written(tmp_path, spec)) == []
    spoil(spec)
    [found] = check(written(tmp_path, spec))
    assert sentence in found


def test_platform_of_no_task_is_found(tmp_path):
    platform = {
        "platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-b": {}}}}}
    }
    [found] = check(written(tmp_path, SOUND, platform))
    assert "about exec-b" in found


def test_what_tfx_compiles_is_not_for_a_backend():
    found = check(pathlib.Path(__file__).with_name("without_overlay.yaml"))
    assert sum("TFX's own entry point" in sentence for sentence in found) == 2
    assert sum("a name that is none" in sentence for sentence in found) == 2
    assert "defaultPipelineRoot is ignored" in found[0]
    assert len(found) == 5


@pytest.mark.parametrize(
    "text",
    [
        *("[1, 2]", "a: [", "", "\x00", "a: 1\n---\nb: 1\n---\nc: 1", "a: 1\na: 2"),
        *("pipelineInfo: []", "root: 1", "root: {dag: {tasks: [a]}}"),
        *("deploymentSpec: {executors: {e: {container: [x]}}}", "1: {}\n---\n- a"),
    ],
)
def test_what_is_no_pipeline_is_one_sentence(tmp_path, text):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"pipeline\.yaml is "):
        check(path)
