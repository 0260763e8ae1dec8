"""The exit task: says how a run ended, wherever somebody looks.

    python -m kubeflow.tell --run-log /mnt/captions/runs --status '{"state": …}'

It runs last whatever happened before. What it cannot tell is a warning in its log and
never fails the run. Where to tell is set by the environment, so that an address that is
a secret can come from one:

    KINESCRIBE_WEBHOOK      is posted {"text": …, "state": …, …}, as Slack takes it
    KINESCRIBE_PUSHGATEWAY  is given the metrics in Prometheus' format
    KINESCRIBE_METRICS_FILE is written them, for node_exporter's textfile collector
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import requests

from kubeflow.run_log import FAILED, RUN_ID_VARIABLE, RunLog, TaskEnd
from transform.common import filesystems, lease

_SECONDS = 10.0  # that an address is waited for

STATES = ("pushed", "equal", "nothing-new", "refused", "stopped", "failed")


class Outcome(NamedTuple):
    """How a run ended, for people and for machines."""

    state: str  # one of `STATES`
    sentence: str
    # of each task's artifacts
    properties: Mapping[str, Mapping[str, Any]]

    def of(self, task: str, name: str) -> Any:
        """Returns a property of a task's artifacts, '' if it has none such."""
        return self.properties.get(task, {}).get(name, "")


def outcome(status: Mapping[str, Any], ends: Mapping[str, TaskEnd]) -> Outcome:
    """Returns how a run ended.

    Args:
        status: The backend's `PipelineTaskFinalStatus`, from JSON.
        ends: How its tasks ended, by their names.
    """
    ended = Outcome("", "", {name: end.properties for name, end in ends.items()})
    if status.get("state") != "SUCCEEDED":
        failed = [end for end in ends.values() if end.state == FAILED]
        if failed:
            said = f"{failed[0].task}: {failed[0].reason}"
        else:  # a pod that was killed writes nothing
            said = status.get("error", {}).get("message") or "no task said why"
        return ended._replace(state="failed", sentence=f"Failed: {said}")
    decision = ended.of("decide", "decision")
    if decision in ("nothing-new", "stop"):
        return ended._replace(
            state="stopped" if decision == "stop" else decision,
            sentence=ended.of("decide", "reason"),
        )
    if ended.of("drift", "decision") == "stop":
        return ended._replace(state="stopped", sentence=ended.of("drift", "reason"))
    if ended.of("pusher", "pushed"):
        version = ended.of("pusher", "pushed_version")
        why = ended.of("decide", "reason")
        return ended._replace(
            state="pushed", sentence=f"Pushed version {version}. {why}".strip()
        )
    if why := ended.of("pusher", "withheld"):
        return ended._replace(state="refused", sentence=f"Not pushed: {why}")
    said = ended.of("judge", "verdict")
    state = "equal" if ended.of("judge", "outcome") == "equal" else "refused"
    return ended._replace(
        state=state, sentence=said or "Refused: the gates were not passed."
    )


def metrics(ended: Outcome, pipeline: str, now: float) -> str:
    """Returns the run's metrics in Prometheus' text format."""
    label = f'{{pipeline="{pipeline}"}}'
    lines = ["# TYPE kinescribe_run_state gauge"]
    for state in STATES:
        value = int(ended.state == state)
        lines.append(
            f'kinescribe_run_state{{pipeline="{pipeline}",state="{state}"}} {value}'
        )
    if ended.state != "failed":
        lines += [
            "# TYPE kinescribe_last_success_seconds gauge",
            f"kinescribe_last_success_seconds{label} {now:.0f}",
        ]
    clips = {
        name.removeprefix("clips_"): value
        for name, value in ended.properties.get("video-example-gen", {}).items()
        if name.startswith("clips_")
    }
    if clips:
        lines.append("# TYPE kinescribe_clips gauge")
    for status, count in sorted(clips.items()):
        lines.append(
            f'kinescribe_clips{{pipeline="{pipeline}",status="{status}"}} {count:g}'
        )
    drift = {
        name.removeprefix("drift_"): value
        for name, value in ended.properties.get("drift", {}).items()
        if name.startswith("drift_")
    }
    if drift:
        lines.append("# TYPE kinescribe_drift gauge")
    for column, distance in sorted(drift.items()):
        lines.append(
            f'kinescribe_drift{{pipeline="{pipeline}",column="{column}"}} {distance:g}'
        )
    return "\n".join(lines) + "\n"


def tell(ended: Outcome, pipeline: str, environment: Mapping[str, str]) -> list[str]:
    """Tells everybody that the environment names; returns what did not work."""
    problems = []
    text = metrics(ended, pipeline, time.time())
    message = {
        "text": f"{pipeline}: {ended.sentence}",
        "pipeline": pipeline,
        "state": ended.state,
        "properties": {name: dict(found) for name, found in ended.properties.items()},
    }
    if address := environment.get("KINESCRIBE_WEBHOOK"):
        problems += _send("post", "the webhook", address, json=message)
    if address := environment.get("KINESCRIBE_PUSHGATEWAY"):
        place = f"{address.rstrip('/')}/metrics/job/kinescribe/pipeline/{pipeline}"
        problems += _send("put", "the push gateway", place, data=text.encode())
    if path := environment.get("KINESCRIBE_METRICS_FILE"):
        try:
            pathlib.Path(path).write_text(text)
        except OSError as error:
            problems.append(f"{path} cannot be written: {error.strerror}")
    return problems


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the run's log, tells, and prints the outcome as a sentence and as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-log", required=True)
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--status", required=True)
    parser.add_argument("--run-id", default=os.environ.get(RUN_ID_VARIABLE, ""))
    options = parser.parse_args(arguments)
    filesystems.register([options.run_log])
    ends = RunLog(options.run_log, options.run_id).read()
    if options.run_id:
        lease.release(options.run_log, options.run_id)
    ended = outcome(json.loads(options.status), ends)
    print(ended.sentence)
    print(json.dumps({"state": ended.state, "sentence": ended.sentence}))
    for problem in tell(ended, options.pipeline, os.environ):
        print(f"Warning: {problem}.", file=sys.stderr)


def _send(method: str, what: str, address: str, **content: Any) -> list[str]:
    """Sends something; the address, which may be a secret, is never said."""
    try:
        answer = requests.request(method, address, timeout=_SECONDS, **content)
    except requests.RequestException as error:
        return [f"{what} cannot be reached ({type(error).__name__})"]
    if not answer.ok:
        return [f"{what} answered {answer.status_code}"]
    return []


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # S3's exit handler would abort the process
