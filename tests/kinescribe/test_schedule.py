import pytest
from typer.testing import CliRunner

from kinescribe import cli, kubeflow_options
from kubeflow.client import KubeflowError
from kubeflow.run_log import FAILED, SUCCEEDED, RunLog, TaskEnd
from pipeline import configs
from tests.support.kubeflow_api import Api


@pytest.fixture
def api(monkeypatch):
    with Api() as api:
        monkeypatch.setenv("KFP_ENDPOINT", api.address)
        yield api


@pytest.fixture
def content(monkeypatch):
    """What a configuration is compiled to, which takes seconds else."""
    compiled = {"bytes": b"pipeline", "root": "/nowhere"}

    def stand_in(name, image, root, allow_tags):
        config = configs.find(name).override(
            {
                "root": compiled["root"],
                "kubeflow": {"pipeline_root": "s3://bucket/artifacts"},
            }
        )
        return config, compiled["bytes"]

    monkeypatch.setattr(kubeflow_options, "compiled", stand_in)
    return compiled


def invoke(*arguments):
    result = CliRunner().invoke(cli.app, ["--verbose", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_submit_uploads_once_and_gives_each_run_its_root(api, content):
    invoke("submit", "demo", "--force", "--note", "new labels")
    invoke("submit", "demo")
    [versions] = api.versions.values()
    assert len(versions) == 1
    first, second = api.runs
    assert first["runtime_config"] == {
        "parameters": {"force": 1, "note": "new labels"},
        "pipeline_root": "s3://bucket/artifacts",
    }
    assert second["runtime_config"]["parameters"]["force"] == 0
    content["bytes"] = b"another"
    invoke("submit", "demo")
    assert len(versions) == 2


def let_end(api, monkeypatch, state, write=lambda run_id: None):
    """Makes the run that is waited for end, once somebody waits."""

    def wait(seconds):
        [run] = api.runs
        run["state"] = state
        task = {"display_name": "decide", "state": "SUCCEEDED"}
        run["run_details"] = {"task_details": [task]}
        write(run["run_id"])

    monkeypatch.setattr("time.sleep", wait)


@pytest.mark.parametrize(("state", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_submit_can_wait_for_the_end(api, content, monkeypatch, state, code):
    let_end(api, monkeypatch, state)
    result = invoke("submit", "demo", "--wait")
    assert result.exit_code == code
    assert f"The run {state.lower()}." in result.output
    assert "cannot be read from here: /nowhere/runs has no such run" in result.output
    assert "decide                  succeeded" in result.output


PUSHED = {"pusher": {"pushed": 1.0, "pushed_version": "7"}}
REFUSED = {"judge": {"outcome": "refused", "verdict": "Refused: CIDEr-D fell."}}
NOTHING = {"decide": {"decision": "nothing-new", "reason": "Nothing is new."}}
STOPPED = {"decide": {"decision": "stop", "reason": "Stopped: 3 clips are gone."}}


@pytest.mark.parametrize(
    ("properties", "code", "sentence"),
    [
        (PUSHED, 0, "Pushed version 7."),
        (REFUSED, 3, "Refused: CIDEr-D fell."),
        (NOTHING, 0, "Nothing is new."),
        (STOPPED, 4, "Stopped: 3 clips are gone."),
    ],
    ids=["pushed", "refused", "nothing-new", "stopped"],
)
def test_submit_that_waits_ends_with_the_verdict_and_its_exit_code(
    api, content, monkeypatch, tmp_path, properties, code, sentence
):
    content["root"] = str(tmp_path)

    def write(run_id):
        for task, found in properties.items():
            end = TaskEnd(task=task, state=SUCCEEDED, properties=found)
            RunLog(str(tmp_path / "runs"), run_id).write(end)

    let_end(api, monkeypatch, "SUCCEEDED", write)
    result = invoke("submit", "demo", "--wait")
    assert result.exit_code == code
    assert result.output.splitlines()[-1] == sentence


def test_submit_says_which_task_failed_and_why(api, content, monkeypatch, tmp_path):
    content["root"] = str(tmp_path)

    def write(run_id):
        end = TaskEnd(task="trainer", state=FAILED, reason="no space is left on disk")
        RunLog(str(tmp_path / "runs"), run_id).write(end)

    let_end(api, monkeypatch, "FAILED", write)
    result = invoke("submit", "demo", "--wait")
    assert result.exit_code == 1
    assert "Failed: trainer: no space is left on disk" in result.output


def test_submit_ends_by_the_runs_state_where_its_log_cannot_be_listed(
    api, content, monkeypatch, tmp_path
):
    content["root"] = str(tmp_path)
    let_end(
        api,
        monkeypatch,
        "SUCCEEDED",
        lambda run_id: (tmp_path / "runs").write_text("a file"),
    )
    result = invoke("submit", "demo", "--wait")
    assert result.exit_code == 0
    assert "cannot be read from here: " in result.output


def test_schedule_has_six_fields_one_run_at_a_time_and_catches_nothing_up(api, content):
    result = invoke("schedule", "apply", "demo", "--cron", "0 3 * * mon")
    [schedule] = api.schedules
    assert schedule["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    assert schedule["max_concurrency"] == "1"
    assert schedule["no_catchup"] is True
    assert schedule["runtime_config"]["pipeline_root"] == "s3://bucket/artifacts"
    assert result.output.count("Mon ") == 3


def test_schedule_is_left_alone_or_replaced_and_is_never_gone(api, content):
    assert "created" in invoke("schedule", "apply", "demo", "--watch", "15m").output
    [first] = api.schedules
    assert first["trigger"] == {"periodic_schedule": {"interval_second": "900"}}
    assert "unchanged" in invoke("schedule", "apply", "demo", "--watch", "15m").output
    assert api.schedules == [first]
    api.requests.clear()
    assert "replaced" in invoke("schedule", "apply", "demo", "--watch", "1h").output
    [second] = api.schedules
    assert second["recurring_run_id"] != first["recurring_run_id"]
    changes = [method for method, path in api.requests if "recurringruns" in path]
    assert changes == ["GET", "POST", "DELETE"]


def test_schedules_of_others_are_left_alone(api, content):
    invoke("schedule", "apply", "demo", "--watch", "15m")
    [ours] = api.schedules
    api.schedules.append({**ours, "recurring_run_id": "x", "description": "by hand"})
    invoke("schedule", "apply", "demo", "--watch", "1h")
    assert "x" in [schedule["recurring_run_id"] for schedule in api.schedules]


def test_schedule_is_listed_paused_resumed_run_and_removed(api, content):
    invoke("schedule", "apply", "demo", "--watch", "15m")
    [schedule] = api.schedules
    invoke("schedule", "pause", "demo")
    assert schedule["status"] == "DISABLED"
    assert "disabled  every 900 s" in invoke("schedule", "list", "demo").output
    invoke("schedule", "resume", "demo")
    assert schedule["status"] == "ENABLED"
    invoke("schedule", "run-now", "demo")
    [run] = api.runs
    assert run["runtime_config"] == schedule["runtime_config"]
    assert "hand" in invoke("runs", "demo").output
    invoke("schedule", "remove", "demo")
    assert api.schedules == []
    with pytest.raises(KubeflowError, match="demo has no schedule"):
        invoke("schedule", "pause", "demo")


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "demo"),
        ("apply", "demo", "--cron", "@daily", "--watch", "1h"),
        ("apply", "demo", "--watch", "soon"),
        ("stop", "demo"),
    ],
)
def test_wrong_usage_changes_nothing(api, content, arguments):
    assert invoke("schedule", *arguments).exit_code == 2
    assert api.requests == []
