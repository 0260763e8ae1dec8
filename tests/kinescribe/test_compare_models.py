import json

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from serving.judging import comparing
from tests.support.candidates import REFERENCES, speaking


@pytest.fixture
def invoke(monkeypatch):
    """Runs the command with models that are known by what they say."""
    said = {"good": speaking(0.97, seed=5), "fair": speaking(0.7)}
    asked = []

    def compare_models(ours, theirs, dataset, split, sampling):
        asked.append((dataset.folder, split, sampling.samples, sampling.seed))
        return comparing.compare_captions(
            said[ours], said[theirs], REFERENCES, theirs, sampling, ["CIDEr-D"]
        )

    monkeypatch.setattr(comparing, "compare_models", compare_models)

    def invoke(*arguments):
        command = ["compare-models", *arguments, "--samples", "500"]
        done = CliRunner().invoke(cli.app, command, catch_exceptions=False)
        return done, asked

    return invoke


def test_the_difference_is_json_with_its_interval_and_its_conclusion(invoke):
    options = ("--split", "val", "--seed", "3", "--json")
    done, asked = invoke("good", "fair", "records", *options)
    assert done.exit_code == 0, done.output
    assert asked == [("records", "val", 500, 3)]
    found = json.loads(done.stdout)
    cider = found["metrics"]["CIDEr-D"]
    assert cider["difference"] == pytest.approx(cider["first"] - cider["second"])
    assert 0 < cider["low"] < cider["difference"] < cider["high"]
    assert cider["better"] == 1 and found["clips"] == len(REFERENCES)
    assert found["conclusion"].startswith("The first is better: CIDEr-D differs by +")


def test_the_table_says_who_is_ahead_and_the_same_is_not_told_apart(invoke):
    worse = " ".join(invoke("fair", "good", "records")[0].stdout.split())
    assert "The first is worse" in worse and "0 %" in worse
    same = invoke("fair", "fair", "records")[0].stdout
    assert "Nothing tells them apart" in same and "+0.0 … +0.0" in same


def test_too_few_draws_are_wrong_usage(invoke):
    command = ["compare-models", "a", "b", "records", "--samples", "9"]
    assert CliRunner().invoke(cli.app, command).exit_code == 2
