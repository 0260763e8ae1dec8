import pytest
import yaml
from typer.testing import CliRunner

from kinescribe import cli
from kubeflow import compiler, vertex
from transform.common.config import ConfigError


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["--verbose", "compile", *arguments])


def test_compile_writes_the_pipeline_with_the_given_image_and_root(
    tmp_path, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        compiler, "compile_pipeline", lambda config, output: seen.append(config)
    )
    output = str(tmp_path / "pipeline.yaml")
    result = invoke(
        *("demo", "--output", output, "--image", "registry/k:8", "--allow-tags"),
        *("--root", "gs://b/c"),
    )
    assert result.exit_code == 0, result.output
    [config] = seen
    assert config.kubeflow.image == {"default": "registry/k:8"}
    assert config.root == "gs://b/c"


@pytest.mark.usefixtures("unchecked")
def test_a_job_for_vertex_is_written_where_it_is_asked_for(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(vertex, "compile_job", lambda *given: seen.append(given))
    output = str(tmp_path / "job.json")
    result = invoke(
        *("demo", "--target", "vertex", "--output", output, "--root", "gs://b/c"),
        *("--image", "registry/k:8", "--allow-tags"),
    )
    assert result.exit_code == 0, result.output
    [(config, written)] = seen
    assert (config.root, written) == ("gs://b/c", output)


def test_check_for_vertex_takes_a_job_and_no_pipeline(tmp_path):
    path = tmp_path / "pipeline.json"
    path.write_text('{"schemaVersion": "2.1.0", "pipelineInfo": {"name": "a"}}')
    result = invoke("--check", "--target", "vertex", str(path))
    assert result.exit_code == 1
    assert result.output.startswith("the file is no PipelineJob")


def test_another_target_is_wrong_usage(tmp_path):
    result = CliRunner().invoke(cli.app, ["compile", "demo", "--target", "argo"])
    assert result.exit_code == 2 and "kubeflow, vertex" in result.output


def test_check_lists_what_a_backend_cannot_do(tmp_path):
    path = tmp_path / "pipeline.yaml"
    sound = {"schemaVersion": "2.1.0", "pipelineInfo": {"name": "a"}}
    path.write_text(yaml.safe_dump(sound))
    assert invoke("--check", str(path)).exit_code == 0
    path.write_text(yaml.safe_dump({**sound, "defaultPipelineRoot": "gs://b"}))
    result = invoke("--check", str(path))
    assert result.exit_code == 1
    assert result.output.startswith("defaultPipelineRoot is ignored")


def test_unknown_configuration_is_one_sentence(tmp_path):
    result = invoke("nothing", "--output", str(tmp_path / "pipeline.yaml"))
    assert isinstance(result.exception, ConfigError)
    assert "there is no configuration 'nothing'" in str(result.exception)
