import pytest
import yaml

from kubeflow import runner
from pipeline import published_runs
from pipeline.pipeline import create_pipeline
from transform.common.config import ConfigError


@pytest.fixture(scope="module")
def config():
    config = published_runs.configuration("mgsa", "msrvtt", root="/mnt/captions")
    return config.replace(image="registry/k:7")


@pytest.fixture(scope="module")
def compiled(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    runner.compile_pipeline(config, path)
    return yaml.safe_load(path.read_text())


def test_file_is_a_bare_specification_of_the_schema_that_the_backend_takes(compiled):
    assert compiled["schemaVersion"] == "2.1.0"
    assert compiled["pipelineInfo"]["name"] == "mgsa-msrvtt"


def test_every_task_is_a_container_of_the_image(compiled):
    executors = compiled["deploymentSpec"]["executors"].values()
    assert {executor["container"]["image"] for executor in executors} == {
        "registry/k:7"
    }
    for executor in executors:  # no resolver, no importer, no driver
        assert list(executor) == ["container"]
        assert "lifecycle" not in executor["container"]


def test_tasks_and_their_order_are_those_of_the_local_pipeline(config, compiled):
    local = create_pipeline(config, pipeline_root="/mnt/captions/artifacts")
    wanted = {
        component.id: {node.id for node in component.upstream_nodes}
        for component in local.components
    }
    tasks = compiled["root"]["dag"]["tasks"]
    found = {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()}
    assert found == wanted
    assert all("_" not in name for name in found)


def test_nothing_is_cached_since_the_backend_does_not_see_new_clips(compiled):
    tasks = compiled["root"]["dag"]["tasks"].values()
    assert not any("cachingOptions" in task for task in tasks)


def test_folder_that_no_other_machine_has_is_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="runs/mgsa means nothing on a cluster"):
        runner.compile_pipeline(
            config.replace(root="runs/mgsa"), tmp_path / "pipeline.yaml"
        )


def test_other_file_endings_are_refused(config, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.yaml"):
        runner.compile_pipeline(config, tmp_path / "pipeline.json")
