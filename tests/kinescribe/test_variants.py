import json

import pytest
from typer.testing import CliRunner

from keras_models.presets import registry
from kinescribe import cli
from tests.support.paths import ROOT


@pytest.fixture
def few(monkeypatch):
    """Three models instead of all."""
    names = ["mgsa", "mgsa_no_garu", "spatial_attention"]
    monkeypatch.setattr(registry, "PRESETS", {n: registry.get(n) for n in names})
    monkeypatch.setattr(registry, "FUSIONS", {})
    return names


def run(*arguments):
    result = CliRunner().invoke(
        cli.app, ["variants", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


def test_json_holds_every_model_and_its_settings(few):
    found = json.loads(run("--json", "--words", "96"))
    assert found["words"] == 96
    assert [entry["name"] for entry in found["variants"]] == few
    for entry in found["variants"]:
        preset = registry.get(entry["name"])
        assert entry["settings"] == {
            "system": preset.paper,
            "row": preset.row,
            **preset.model.to_dict(),
            "plan": preset.plan.to_dict(),
            "run": preset.run.to_dict(),
        }
    assert found["variants"][0]["features"] == ["inception_resnet_v2", "flow"]


def test_late_fusions_stand_beside_what_they_are_made_of(monkeypatch):
    (preset,) = registry.FUSIONS.values()
    names = preset.model.members
    monkeypatch.setattr(registry, "PRESETS", {n: registry.get(n) for n in names})
    found = json.loads(run("--json", "--words", "96"))
    members, (fusion,) = found["variants"], found["fusions"]
    settings = fusion["settings"]
    assert settings["members"] == {each["name"]: each["settings"] for each in members}
    assert settings["relevance"] == preset.model.relevance.to_dict()
    assert fusion["parameters"] > sum(member["parameters"] for member in members)
    assert set(fusion["features"]) == {f for each in members for f in each["features"]}


def test_table_names_row_features_size_and_training(few):
    output = run()
    assert all(name in output for name in few)
    assert "38.5 M" in output
    assert "10,000 words" in output
    assert "30 epochs" in output


PAGE = ROOT / "docs" / "variants.md"


def test_the_page_of_variants_is_what_the_command_prints():
    assert run("--markdown") == PAGE.read_text()
