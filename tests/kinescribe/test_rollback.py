import json

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from serving.pushing import destination as destinations
from serving.pushing import push as pushing
from serving.weights_digest import weights_digest
from tests.support.pushing import RECORD, write_model


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
