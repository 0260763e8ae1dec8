import json
import os
import pathlib

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import ledger
from serving.pushing import push as pushing
from tests.support.pushing import RECORD, write_model
from transform.common import users
from transform.common.errors import KinescribeError
from transform.common.failures import OutputError
from transform.common.location import Location


def invoke(*arguments):
    result = CliRunner().invoke(cli.app, ["--verbose", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def pushed(tmp_path):
    for content in "ab":
        model = str(write_model(tmp_path / content, content))
        digest = weights_digest(model)
        record = RECORD.replace(weights_digest=digest)
        pushing.push(model, str(tmp_path / "pushed"), record)
    return str(tmp_path / "pushed")


def test_models_tells_what_is_served_and_what_was_rolled_back(pushed):
    first, second = (v.version for v in destinations.versions(pushed))
    said = invoke("rollback", pushed, "--reason", "it repeats")
    assert f"serves version {first}'s model again" in said
    found = json.loads(invoke("models", pushed, "--json"))
    assert [row["state"] for row in found] == ["live", "rolled back", "earlier"]
    assert "it repeats" in found[1]["withdrawn"]
    assert found[1]["version"] == second
    assert "rolled" in invoke("models", pushed)
    invoke("rollback", pushed, "--forgive", second, "--reason", "a mistake")
    found = json.loads(invoke("models", pushed, "--json"))
    assert [row["state"] for row in found] == ["live", "earlier", "earlier"]


def test_models_tells_how_many_clips_were_used_of_how_many(pushed, tmp_path):
    model = str(write_model(tmp_path / "c", "c"))
    record = RECORD.replace(
        weights_digest=weights_digest(model),
        format=3,
        clips={"train": {"ok": 1200, "failed": 3}, "test": {"short": 60}},
    )
    pushing.push(model, pushed, record)
    assert "1,260 of 1,263" in invoke("models", pushed)
    newest, *older = json.loads(invoke("models", pushed, "--json"))
    assert (newest["clips_used"], newest["clips_wanted"]) == (1260, 1263)
    assert {(row["clips_used"], row["clips_wanted"]) for row in older} == {(None, None)}


def test_versions_may_be_numbered_by_any_rule(pushed):
    folder = pathlib.Path(pushed)
    for version in destinations.versions(pushed):
        number = f"2026112806432{len(version.version)}{version.version[-1]}"
        os.rename(version.folder, folder / number)
    table = invoke("models", pushed)
    assert "20261128" in table and "UTC" not in table
    newest = destinations.versions(pushed)[-1].version
    assert f"# Version {newest}\n" in invoke("lineage", pushed, "--markdown")


@pytest.mark.parametrize("name", ["assets.extra/push.json", "../.ledger/1.json"])
def test_damaged_metadata_is_one_sentence_with_the_files_name(pushed, name):
    newest = destinations.versions(pushed)[-1].folder
    path = pathlib.Path(newest, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"version"')
    with pytest.raises(KinescribeError, match=rf"{path.name} is damaged: "):
        CliRunner().invoke(cli.app, ["models", pushed], catch_exceptions=False)


def test_somebody_without_a_name_may_roll_back(pushed, monkeypatch):
    monkeypatch.setattr(users, "current", lambda: "uid 65532")
    invoke("rollback", pushed, "--reason", "it repeats")
    assert ledger.events(pushed)[-1].by == "uid 65532"


def test_the_servers_file_is_tried_before_a_label_is_given(pushed, tmp_path):
    (tmp_path / "file").touch()
    newest = destinations.versions(pushed)[-1].version
    words = ["label", pushed, "stable", newest, "--model-config-file"]
    with pytest.raises(OutputError, match="another name"):
        CliRunner().invoke(
            cli.app, [*words, str(tmp_path / "file" / "x")], catch_exceptions=False
        )
    assert ledger.labels(pushed) == {}
    invoke(*words, "ram://servers/models.config")
    assert newest in Location("ram://servers/models.config").read_text()
