import yaml
from typer.testing import CliRunner

from kinescribe import cli
from transform.common.config import ConfigError


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["--verbose", "compile", *arguments])


def test_compile_writes_the_pipeline_with_the_given_image_and_root(tmp_path):
    output = tmp_path / "pipeline.yaml"
    result = invoke(
        "demo", "--output", str(output), "--image", "registry/k:8", "--root", "gs://b/c"
    )
    assert result.exit_code == 0, result.output
    compiled = yaml.safe_load(output.read_text())
    assert compiled["defaultPipelineRoot"] == "gs://b/c/artifacts"
    images = str(compiled["deploymentSpec"]).count("registry/k:8")
    assert images == len(compiled["root"]["dag"]["tasks"])


def test_unknown_configuration_is_one_sentence(tmp_path):
    result = invoke("nothing", "--output", str(tmp_path / "pipeline.yaml"))
    assert isinstance(result.exception, ConfigError)
    assert "there is no configuration 'nothing'" in str(result.exception)
