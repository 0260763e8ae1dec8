"""The files of serving/deploy name only metrics, options and files that there are."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys

import pytest
import yaml

from kinescribe.commands import serve
from serving.server.prometheus import Metrics, ModelVersions
from tests.support.deploy_tools import tool
from tests.support.paths import ROOT

DEPLOY = ROOT / "serving" / "deploy"


def known_metrics() -> set[str]:
    metrics = Metrics()
    metrics.watch(lambda: 0, lambda: 0, lambda: {"m": ModelVersions((1,), rejected=2)})
    names = set()
    for family in metrics.registry.collect():
        suffixes = {
            "counter": ["_total"],
            "histogram": ["_bucket", "_sum", "_count"],
        }.get(family.type, [""])
        names |= {family.name + suffix for suffix in suffixes}
    return names


def named_metrics(text: str) -> set[str]:
    return set(re.findall(r"\b(?:kinescribe|process)_[a-z_]+", text))


def test_alerts_and_board_read_metrics_that_there_are():
    alerts = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert all(rule["annotations"]["summary"] for rule in rules)
    explained = [rule for rule in rules if "runbook_url" in rule["annotations"]]
    assert explained and all(map(has_its_page, explained))
    board = json.loads((DEPLOY / "grafana/dashboards/kinescribe.json").read_text())
    queries = [
        target["expr"] for panel in board["panels"] for target in panel["targets"]
    ]
    for expression in [*queries, *(rule["expr"] for rule in rules)]:
        assert named_metrics(expression) <= known_metrics(), expression


@pytest.mark.parametrize("room", ["kubeflow", "serving"])
def test_every_alert_fires_and_is_silent(room):
    path = ROOT / "tests" / room / "alerts_test.yaml"
    done = subprocess.run(
        [tool("promtool"), "test", "rules", path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = yaml.safe_load(path.read_text())
    [rules] = cases["rule_files"]
    groups = yaml.safe_load((path.parent / rules).read_text())["groups"]
    named = {rule["alert"] for group in groups for rule in group["rules"]}
    for case in cases["tests"]:  # once silent, once firing
        assert {test["alertname"] for test in case["alert_rule_test"]} == named


def has_its_page(rule):
    anchor = rule["annotations"]["runbook_url"].partition("#")[2]
    page = (ROOT / "docs" / "operations.md").read_text()
    named = f"#### Alert {rule['alert']}\n" in page
    return named and anchor == f"alert-{rule['alert'].lower()}"


def test_alerts_of_runs_read_what_is_told_of_runs_and_have_a_page():
    from kubeflow import tell

    ended = tell.Outcome(
        "pushed",
        "",
        {
            "video-example-gen": {"clips_ok": 1.0},
            "drift": {"drift_clip_seconds": 0.1},
        },
    )
    known = set(re.findall(r"^kinescribe_[a-z_]+", tell.metrics(ended, "a", 1), re.M))
    groups = yaml.safe_load((ROOT / "kubeflow" / "alerts.yaml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert named_metrics(rule["expr"]) <= known, rule["expr"]
        assert has_its_page(rule), rule["alert"]


@pytest.mark.parametrize(
    "name", ["docker-compose.yaml", "Dockerfile", "kinescribe-serve.service"]
)
def test_the_servers_options_are_those_of_the_command(name):
    options = {
        f"--{parameter.replace('_', '-')}"
        for parameter in inspect.signature(serve.command).parameters
    }
    text = (DEPLOY / name).read_text()
    used = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*\b(?!_)", text))
    others = {"--no-cache-dir", "--compile", "--system", "--uid", "--now"}
    others |= {"--enable", "--monitoring", "--batching", "--model"}  # stock's own
    assert used - others <= options
    assert used & options


def test_the_compose_file_mounts_what_is_there():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("${") or (DEPLOY / source).exists(), volume


@pytest.mark.slow
def test_the_server_imports_no_pipeline():
    code = "import sys, serving.server.process; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in output.stdout.split()}
    assert "tensorflow" in loaded
    assert not loaded & {"tfx", "apache_beam", "kfp", "IPython", "keras_nlp", "av"}
