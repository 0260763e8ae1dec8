"""What the container of every task runs: one TFX executor, on a Kubeflow backend.

    python -m kubeflow.step --task trainer --executor_class_path … \
        --json_serialized_invocation_args … --json_serialized_inputs_spec_args …

TFX's own entry point was written for Vertex AI, which hands typed inputs and paths that
TensorFlow can open. An open-source backend does neither; see "TFX on KFP v2: the traps"
in `docs/operations.md`. Vertex AI starts this one, too: it mounts its buckets where a
launcher would put copies.

A task that fails says why in one sentence, on stderr and in the pod's termination
message, and exits with 1; one that is stopped by SIGTERM exits with 143.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from kubeflow import invocation
from kubeflow.invocation import StepError
from kubeflow.run_log import FAILED, RUN_ID_VARIABLE, SUCCEEDED, RunLog, TaskEnd
from serving.pushing import provenance
from transform.common import filesystems

STOPPED = 143  # 128 + SIGTERM
# A run keeps its lease while its next task waits for a node; `tell` gives it up.
BETWEEN_TASKS = 3600.0
_MESSAGE_BYTES = 4096  # of a termination message, as Kubernetes keeps it


class Pod(NamedTuple):
    """Where a container finds what Kubernetes and the launcher give to it."""

    base: str = "/"  # holds the launcher's folders gcs, s3 and minio
    termination_log: str = "/dev/termination-log"

    @classmethod
    def of_environment(cls) -> Pod:
        """Returns the pod's places, which tests set by environment variables."""
        return cls(
            os.environ.get("KINESCRIBE_POD_BASE", cls().base),
            os.environ.get("KINESCRIBE_TERMINATION_LOG", cls().termination_log),
        )


def run(arguments: Sequence[str], pod: Pod) -> int:
    """Runs a task's executor and returns the exit code.

    Args:
        arguments: The container's, after `python -m kubeflow.step`.
        pod: The places of the container.
    """
    options, executor_arguments = _parser().parse_known_args(arguments)
    try:
        filesystems.register(arguments)
        with _lease(options):
            properties = _execute(options, executor_arguments, pod)
        _write_down(
            options, TaskEnd(task=options.task, state=SUCCEEDED, properties=properties)
        )
        return 0
    except SystemExit as stopped:
        sentence, code = "it was stopped", int(stopped.code or 1)
    except Exception as error:
        from pipeline import stages

        traceback.print_exc()
        sentence, code = stages.reason(error), 1
    _leave_message(f"Task {options.task} failed: {sentence}", pod)
    _write_down(options, TaskEnd(task=options.task, state=FAILED, reason=sentence))
    return code


def main() -> NoReturn:
    """Runs the task and ends the process without its exit handlers.

    The S3 file system of tensorflow-io aborts the process in one of them, so that a
    task that succeeded would count as failed.
    """
    signal.signal(signal.SIGTERM, _stop)
    code = run(sys.argv[1:], Pod.of_environment())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--task", required=True)
    parser.add_argument("--run-log", default="")
    parser.add_argument("--run-id", default=os.environ.get(RUN_ID_VARIABLE, ""))
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    return parser


def _lease(options: argparse.Namespace) -> contextlib.AbstractContextManager:
    """Keeps other runs out of the root, until `tell` lets them in."""
    if not options.run_log or not options.run_id:
        return contextlib.nullcontext()
    from transform.common import lease

    return lease.held(
        options.run_log, owner=options.run_id, seconds=BETWEEN_TASKS, release=False
    )


def _execute(
    options: argparse.Namespace, rest: Sequence[str], pod: Pod
) -> dict[str, Any]:
    """Runs the executor; returns the properties of its output artifacts."""
    theirs = json.loads(options.json_serialized_invocation_args)
    spec = json.loads(options.json_serialized_inputs_spec_args)
    ours = invocation.localized(theirs, spec, options.task, pod.base)
    _make_types_known()
    _check_types(ours, options.task)
    for folder in invocation.output_uris(theirs, pod.base):
        os.makedirs(folder, exist_ok=True)
    # What is written down for later is to name artifacts as others know them.
    uris = invocation.all_uris(theirs, pod.base)
    os.environ[provenance.ARTIFACTS_VARIABLE] = json.dumps(uris)

    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    kubeflow_v2_run_executor.main(
        kubeflow_v2_run_executor._parse_flags(
            [
                *rest,
                "--json_serialized_invocation_args",
                json.dumps(ours),
                "--json_serialized_inputs_spec_args",
                options.json_serialized_inputs_spec_args,
            ]
        )
    )
    output = pathlib.Path(ours["outputs"]["outputFile"])
    told = invocation.published(json.loads(output.read_text()), theirs, pod.base)
    output.write_text(json.dumps(told))
    return invocation.properties(told)


def _make_types_known() -> None:
    """Lets TFX, which has a closed list of titles, make the artifacts of ours."""
    from tfx.orchestration.kubeflow.v2 import compiler_utils

    from components.shown_artifacts import CLASS_PATHS

    compiler_utils.TITLE_TO_CLASS_PATH.update(CLASS_PATHS)


def _check_types(ours: dict, task: str) -> None:
    """Raises `StepError` for an input whose type TFX does not know."""
    import yaml
    from tfx.orchestration.kubeflow.v2 import compiler_utils
    from tfx.utils import import_utils

    for key, listed in ours.get("inputs", {}).get("artifacts", {}).items():
        for artifact in listed["artifacts"]:
            declared = artifact["type"]
            schema = yaml.safe_load(declared.get("instanceSchema") or "{}")
            title = declared.get("schemaTitle") or schema.get("title", "")
            try:
                import_utils.import_class_by_path(
                    compiler_utils.TITLE_TO_CLASS_PATH.get(title, title)
                )
            except (ImportError, AttributeError, ValueError) as error:
                raise StepError(
                    f"input {key} of task {task} is of the type {title!r}, which the "
                    "image does not know."
                ) from error


def _leave_message(sentence: str, pod: Pod) -> None:
    """Says a sentence, on stderr and where Kubernetes shows it of a pod."""
    print(sentence, file=sys.stderr)
    log = pathlib.Path(pod.termination_log)
    if log.parent.is_dir() and os.access(log if log.exists() else log.parent, os.W_OK):
        log.write_bytes(sentence.encode()[:_MESSAGE_BYTES])


def _write_down(options: argparse.Namespace, entry: TaskEnd) -> None:
    """Adds the task to its run's log; outside of a run there is none."""
    if options.run_log and options.run_id:
        RunLog(options.run_log, options.run_id).write(entry)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(STOPPED)


if __name__ == "__main__":
    main()
