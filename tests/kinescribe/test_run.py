import json
import pathlib

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from pipeline import local_runner
from pipeline.local_runner import RunResult
from pipeline.stages import StageError

RESULT = RunResult(
    root=pathlib.Path("root"),
    examples=pathlib.Path("root/examples"),
    manifest=pathlib.Path("root/examples/manifest.csv"),
    coverage="590 of 600 clips",
    anomalies=("train, captions: too short",),
    model=pathlib.Path("root/model"),
    training=pathlib.Path("root/training"),
    evaluation=pathlib.Path("root/evaluation"),
    report=pathlib.Path("root/report.html"),
    baseline="version 7 is the latest in root/pushed",
    blessed=True,
    pushed=pathlib.Path("root/pushed/8"),
    stages=(),
)


def invoke(monkeypatch, result, *arguments):
    """Runs the command with a pipeline that ends in `result`."""
    configs = []

    def run(config, callback, verbose=False):
        del callback, verbose
        configs.append(config)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(local_runner, "run", run)
    command = ["--verbose", "run", "demo", *arguments]
    return CliRunner().invoke(cli.app, command), configs


def test_run_says_where_everything_is(monkeypatch):
    done, configs = invoke(monkeypatch, RESULT, "--root", "elsewhere")
    assert done.exit_code == 0, done.output
    assert configs[0].root == "elsewhere"
    for text in (
        "590 of 600 clips",
        "root/examples/manifest.csv",
        "train, captions: too short",
        "root/report.html",
        "version 7 is the latest",
        "root/pushed/8",
    ):
        assert text in done.stdout


def test_refused_model_is_said_not_to_be_pushed(monkeypatch):
    refused = RESULT._replace(blessed=False, pushed=None)
    done, _ = invoke(monkeypatch, refused)
    assert "Not pushed" in done.stdout


@pytest.mark.parametrize("pushed", [RESULT.pushed, None])
def test_json_holds_every_place(monkeypatch, pushed):
    done, _ = invoke(monkeypatch, RESULT._replace(pushed=pushed), "--json")
    found = json.loads(done.stdout)
    assert found["pushed"] == (str(pushed) if pushed else None)
    assert found["report"] == "root/report.html"
    assert found["blessed"] is True
    assert found["anomalies"] == list(RESULT.anomalies)
    assert set(found) == set(RESULT._fields) - {"stages"}


def test_failed_stage_is_the_commands_error(monkeypatch):
    error = StageError("stage 7 of 11, Trainer, failed: the disk is full")
    done, _ = invoke(monkeypatch, error)
    assert done.exception is error
