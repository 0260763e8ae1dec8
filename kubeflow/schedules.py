"""Runs and schedules of a compiled pipeline on a backend, by names and digests.

A pipeline, its experiment and its schedule have the configuration's name. A version has
the digest of its file, so that what was uploaded once is used again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kubeflow.client import Client, Json, KubeflowError

_MARK = "kinescribe "  # before the digest in a schedule's description
FINAL_STATES = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")


class Version(NamedTuple):
    """A version of a pipeline on the backend."""

    pipeline_id: str
    version_id: str
    uploaded: bool  # by this call

    def reference(self) -> Json:
        """Returns what a run or a schedule names it by."""
        return {
            "pipeline_id": self.pipeline_id,
            "pipeline_version_id": self.version_id,
        }


class Applied(NamedTuple):
    """What became of a schedule."""

    schedule_id: str
    change: str  # created, replaced or unchanged


def upload(client: Client, name: str, content: bytes) -> Version:
    """Uploads a compiled pipeline, unless this very file was uploaded before.

    Args:
        client: The backend.
        name: Of the pipeline.
        content: The file.
    """
    digest = _digest(content.decode())
    pipeline_id = client.pipeline_id(name)
    if not pipeline_id:
        pipeline_id = client.upload_pipeline(name, content)
    for version in client.versions(pipeline_id):
        if version["display_name"] == digest:
            return Version(pipeline_id, version["pipeline_version_id"], False)
    version_id = client.upload_version(pipeline_id, digest, content)
    return Version(pipeline_id, version_id, True)


def start(
    client: Client,
    name: str,
    version: Version,
    pipeline_root: str,
    parameters: Mapping[str, Any],
) -> str:
    """Starts a run and returns its id.

    Args:
        client: The backend.
        name: Of the pipeline.
        version: What runs.
        pipeline_root: Of its artifacts; '' for the backend's own.
        parameters: The run's.
    """
    run = client.create_run(
        {
            "display_name": name,
            "experiment_id": client.experiment_id(name),
            "pipeline_version_reference": version.reference(),
            "runtime_config": _runtime(pipeline_root, parameters),
        }
    )
    return run["run_id"]


def follow(
    client: Client, run_id: str, report: Callable[[str, str], None], wait: Callable
) -> str:
    """Waits for a run to end and returns its state.

    Args:
        client: The backend.
        run_id: The run.
        report: Is told each task's name and state whenever that changes.
        wait: Waits for a while.
    """
    known: dict[str, str] = {}
    while True:
        run = client.run(run_id)
        for task in run.get("run_details", {}).get("task_details", []):
            name, state = task.get("display_name", ""), task.get("state", "")
            if name and not name.endswith("-driver") and known.get(name) != state:
                known[name] = state
                report(name, state)
        if run.get("state") in FINAL_STATES:
            return run["state"]
        wait()


def apply(
    client: Client,
    name: str,
    version: Version,
    trigger: Json,
    pipeline_root: str,
    parameters: Mapping[str, Any],
) -> Applied:
    """Makes a pipeline's schedule be this one.

    The interface cannot change a schedule: a new one is made before the old ones are
    deleted, so that there is never none. At most one run goes on at a time, and times
    that were missed are not caught up with: the next run sees all new clips.

    Args:
        client: The backend.
        name: Of the pipeline and the schedule.
        version: What runs.
        trigger: `cron` or `every`.
        pipeline_root: Of the runs' artifacts; '' for the backend's own.
        parameters: The runs'.
    """
    body: Json = {
        "display_name": name,
        "pipeline_version_reference": version.reference(),
        "runtime_config": _runtime(pipeline_root, parameters),
        "trigger": trigger,
        "mode": "ENABLE",
        "max_concurrency": "1",
        "no_catchup": True,
    }
    mark = _MARK + _digest(json.dumps(body, sort_keys=True))
    experiment = client.experiment_id(name)
    old = ours(client, name, experiment)
    same = [schedule for schedule in old if schedule.get("description") == mark]
    if same:
        kept = same[0]["recurring_run_id"]
        change = "unchanged"
    else:
        sent = {**body, "experiment_id": experiment, "description": mark}
        kept = client.create_schedule(sent)["recurring_run_id"]
        change = "replaced" if old else "created"
    for schedule in old:
        if schedule["recurring_run_id"] != kept:
            client.delete_schedule(schedule["recurring_run_id"])
    return Applied(kept, change)


def ours(client: Client, name: str, experiment: str = "") -> list[Json]:
    """Returns the schedules of a pipeline that Kinescribe made, newest first.

    Args:
        client: The backend.
        name: Of the pipeline.
        experiment: Its id, if it is known.
    """
    found = [
        schedule
        for schedule in client.schedules(experiment or client.experiment_id(name))
        if schedule.get("display_name") == name
        and schedule.get("description", "").startswith(_MARK)
    ]
    return sorted(found, key=lambda s: s.get("created_at", ""), reverse=True)


def the_one(client: Client, name: str) -> Json:
    """Returns the schedule that a pipeline has.

    Raises:
        KubeflowError: It has none.
    """
    found = ours(client, name)
    if not found:
        raise KubeflowError(
            f"{name} has no schedule: make one by `kinescribe schedule apply`."
        )
    return found[0]


def cron(six_fields: str) -> Json:
    """Returns the trigger of a schedule by the clock."""
    return {"cron_schedule": {"cron": six_fields}}


def every(seconds: int) -> Json:
    """Returns the trigger of a schedule by an interval."""
    return {"periodic_schedule": {"interval_second": str(seconds)}}


def in_words(trigger: Mapping[str, Any]) -> str:
    """Returns a trigger as people read it."""
    if clock := trigger.get("cron_schedule"):
        return str(clock.get("cron", ""))
    interval = trigger.get("periodic_schedule", {}).get("interval_second", "")
    return f"every {interval} s"


def _runtime(pipeline_root: str, parameters: Mapping[str, Any]) -> Json:
    runtime: Json = {"parameters": dict(parameters)}
    if pipeline_root:
        runtime["pipeline_root"] = pipeline_root
    return runtime


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
