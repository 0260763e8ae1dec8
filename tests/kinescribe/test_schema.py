import json

from typer.testing import CliRunner

from kinescribe import cli
from pipeline import configs
from transform.backbones import loading
from transform.records import reviewed_schema
from transform.records.metadata_schema import schema_for

SPEC = loading.resolve(configs.find("demo").features)


def invoke(*words):
    return CliRunner().invoke(cli.app, list(map(str, words)))


def test_schema_of_a_configuration_is_shown_or_written_for_review(tmp_path):
    shown = invoke("schema", "demo")
    assert shown.exit_code == 0, shown.output
    assert reviewed_schema.parse(shown.stdout, SPEC, "") == schema_for(SPEC)
    done = invoke("schema", "demo", "--out", tmp_path / "new" / "schema.pbtxt")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "schema.pbtxt").read_text() == shown.stdout
    assert "named as data_schema in demo" in done.stdout


def test_a_damaged_schema_is_told_by_check(tmp_path):
    path = tmp_path / "schema.pbtxt"
    path.write_text(reviewed_schema.written(SPEC)[:-3])
    done = invoke("check", "demo", "--set", f"data_schema={path}", "--json")
    errors = {
        each["about"]: each["message"] for each in json.loads(done.stdout)["errors"]
    }
    assert errors["schema"].startswith(
        f"{path} is no schema of TensorFlow Metadata: at "
    )
