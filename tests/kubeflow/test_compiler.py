import json
import pathlib

import pytest
import yaml

from kubeflow import compiler
from kubeflow.check import check
from kubeflow.overlay import task_name
from pipeline.pipeline import create_pipeline
from tests.support import kubeflow_settings
from tests.support.kubeflow_backend import Backend
from tests.support.kubeflow_settings import DIGEST
from transform.common.config import ConfigError


@pytest.fixture(scope="module")
def config():
    return kubeflow_settings.configuration("/mnt/captions")


@pytest.fixture(scope="module")
def path(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compiler.compile_pipeline(config, path)
    return path


@pytest.fixture(scope="module")
def compiled(path):
    specification, platform = yaml.safe_load_all(path.read_text())
    return compiler.Compiled(specification, platform)


def containers(compiled):
    executors = compiled.specification["deploymentSpec"]["executors"]
    return {
        label.removeprefix("exec-"): executor["container"]
        for label, executor in executors.items()
    }


def pod(compiled, task):
    executors = compiled.platform["platforms"]["kubernetes"]["deploymentSpec"]
    return executors["executors"][f"exec-{task}"]


class Puppets:
    """Containers that do nothing but give what is asked of them; one is evicted."""

    def __init__(self, evicted: str):
        self.evicted = evicted

    def __call__(self, pod):
        if pod.task == self.evicted and pod.folder.name.endswith("-1"):
            return 137  # 128 + SIGKILL
        if "--json_serialized_invocation_args" in pod.command:
            place = pod.command.index("--json_serialized_invocation_args") + 1
            asked = json.loads(pod.command[place])["outputs"]
            values = dict.fromkeys(asked["parameters"], "retrain")
            told = json.dumps({"parameterValues": values})
            pathlib.Path(asked["outputFile"]).write_text(told)
        return 0


def test_nothing_in_it_is_beyond_a_backend(path):
    assert check(path) == []


def test_file_is_a_specification_of_the_schema_that_backends_take(compiled, config):
    specification = compiled.specification
    assert specification["schemaVersion"] == "2.1.0"
    assert specification["pipelineInfo"]["name"] == "mgsa-msrvtt"
    assert config.digest() in specification["pipelineInfo"]["description"]
    assert "defaultPipelineRoot" not in specification


def test_same_configuration_gives_the_same_bytes(config, path, tmp_path):
    again = tmp_path / "pipeline.yaml"
    compiler.compile_pipeline(config, again)
    assert again.read_bytes() == path.read_bytes()


def test_tasks_and_their_order_are_those_of_the_local_pipeline(config, compiled):
    local = create_pipeline(config, pipeline_root="")
    wanted = {
        task_name(component.id): {task_name(n.id) for n in component.upstream_nodes}
        for component in local.components
    }
    components = compiled.specification["components"]
    first, then = (
        {
            name: set(task.get("dependentTasks", []))
            for name, task in components[f"comp-{graph}"]["dag"]["tasks"].items()
        }
        for graph in ("retrain", "train")
    )
    before = first.pop("train")
    assert {"drift", "transform", "video-example-gen"} <= before <= first.keys()
    assert first == {name: wanted[name] for name in first}
    assert then == {name: wanted[name] - first.keys() for name in then}
    assert first.keys() | then.keys() == wanted.keys()
    assert {"trainer", "judge", "pusher"} <= then.keys()
    outer = components["comp-exit-handler"]["dag"]["tasks"]
    assert set(outer) == {"decide", "retrain"}
    root = compiled.specification["root"]["dag"]["tasks"]
    assert set(root) == {"exit-handler", "tell"}


def test_a_run_has_two_parameters_and_no_more(compiled):
    parameters = compiled.specification["root"]["inputDefinitions"]["parameters"]
    assert {name: p["defaultValue"] for name, p in parameters.items()} == {
        "force": 0,
        "note": "",
    }


def test_every_task_starts_our_entry_point_in_its_image(compiled):
    found = containers(compiled)
    assert len(found) == 15
    for task, container in found.items():
        module = "kubeflow.tell" if task == "tell" else "kubeflow.step"
        assert container["command"] == ["python", "-m", module]
        image = "r/trainer" if task == "trainer" else "r/steps"
        assert container["image"] == image + DIGEST
        assert container["env"] == [
            {"name": "KINESCRIBE_IMAGE", "value": image + DIGEST},
            {"name": "S3_ENDPOINT", "value": "http://minio:9000"},
        ]
        assert set(container) == {"image", "command", "args", "env", "resources"}


def test_report_and_scores_are_of_types_that_the_runs_page_shows(compiled):
    components = compiled.specification["components"]
    assert [
        components[f"comp-{task}"]["outputDefinitions"]["artifacts"][key]
        for task, key in (("report", "report"), ("judge", "scores"))
    ] == [
        {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}
        for title in ("system.HTML", "system.Metrics")
    ]


def test_trainer_has_its_accelerator_time_and_place(compiled):
    resources = containers(compiled)["trainer"]["resources"]
    assert resources["accelerator"] == {
        "resourceType": "nvidia.com/gpu",
        "resourceCount": "1",
    }
    assert (resources["resourceCpuLimit"], resources["resourceMemoryLimit"]) == (
        "8",
        "32Gi",
    )
    trainer = pod(compiled, "trainer")
    assert trainer["activeDeadlineSeconds"] == str(24 * 3600)
    assert trainer["nodeSelector"] == {"labels": {"gpu": "a100"}}
    assert trainer["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert pod(compiled, "decide")["activeDeadlineSeconds"] == str(2 * 3600)
    assert "accelerator" not in containers(compiled)["decide"]["resources"]


def test_every_pod_has_the_volume_the_secret_and_its_runs_id(compiled):
    for task in containers(compiled):
        found = pod(compiled, task)
        [mount] = found["pvcMount"]
        assert (mount["constant"], mount["mountPath"]) == ("captions", "/mnt/captions")
        [secret] = found["secretAsEnv"]
        assert secret["secretName"] == "s3"
        assert secret["keyToEnv"] == [
            {"secretKey": "access", "envVar": "AWS_ACCESS_KEY_ID"}
        ]
        [field] = found["fieldPathAsEnv"]
        assert field["fieldPath"] == "metadata.labels['pipeline/runid']"


def test_stages_are_tried_again_and_cached_by_nobody(compiled):
    for graph in ("exit-handler", "retrain", "train"):
        component = compiled.specification["components"][f"comp-{graph}"]
        for name, task in component["dag"]["tasks"].items():
            assert "cachingOptions" not in task
            if name not in ("retrain", "train"):
                assert task["retryPolicy"]["maxRetryCount"] == 2


def test_the_pod_of_any_task_is_started_again_after_an_eviction(compiled, tmp_path):
    pods = compiled.platform["platforms"]["kubernetes"]
    tasks = containers(compiled).keys() - {"tell"}
    assert len(tasks) == 14
    for task in tasks:
        backend = Backend(tmp_path / task, Puppets(task))
        run = backend.execute(compiled.specification, pods, "s3://bucket")
        assert run.state == "SUCCEEDED"
        attempts = {name: run.tasks[name].attempts for name in run.ran}
        assert attempts == dict.fromkeys([*tasks, "tell"], 1) | {task: 2}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"root": "runs/mgsa"}, "root = runs/mgsa means nothing on a cluster"),
        ({"push_to": "foo://x"}, "push_to = foo://x is in no file system"),
        ({"root": "/elsewhere"}, "root = /elsewhere is below none of kubeflow.volumes"),
        (
            {"corpus": {"files": ["data/a.json"]}},
            r"corpus.files\[0\] = data/a.json means nothing on a cluster",
        ),
        (
            {"kubeflow": {"timeouts": {"Trainr": "1h"}}},
            "kubeflow names the stage Trainr, but the pipeline's are Decide, Vid",
        ),
        (
            {"kubeflow": {"image": {"Trainer": "r/steps" + DIGEST}}},
            "Trainer asks for nvidia.com/gpu, but its image is the default one",
        ),
    ],
)
def test_what_would_fail_in_a_pod_is_refused(config, tmp_path, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        compiler.compile_pipeline(config.override(changes), tmp_path / "p.yaml")


def test_missing_image_is_no_image_of_somebody_else(config, tmp_path):
    without = config.replace(kubeflow={"resources": {}})
    with pytest.raises(ConfigError, match=r"no image to run the stages in"):
        compiler.compile_pipeline(without, tmp_path / "p.yaml")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image": {"default": ""}}, "the image of default is empty"),
        ({"image": {"default": "r/k:7"}}, "has no digest"),
        ({"pipeline_root": "/mnt/captions"}, "in a bucket only"),
        ({"env": {"AWS_SECRET_ACCESS_KEY": "x"}}, "looks like a secret"),
        ({"env": {"KINESCRIBE_IMAGE": "r/k"}}, "is set to each stage's own image"),
        ({"timeouts": {"default": "2 hours"}}, "is no duration"),
        ({"resources": {"default": {"memory": "lots"}}}, "quantity of Kubernetes"),
        ({"retries": {"default": {"backoff": "1"}}}, "is no duration"),
        ({"volumes": [{"claim": "c", "mount": "here"}]}, "mount"),
    ],
)
def test_wrong_settings_are_named_when_they_are_read(config, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        config.override({"kubeflow": changes})


def test_other_file_endings_are_refused(config, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.yaml"):
        compiler.compile_pipeline(config, tmp_path / "pipeline.json")
