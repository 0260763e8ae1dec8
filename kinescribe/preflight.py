"""Checks a run in its first second, in a small process that imports no TensorFlow.

`python -m kinescribe.preflight` reads a request as JSON from its standard input and
answers with what it found; `look` asks it, `require` tells the user and refuses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kinescribe.run_options import RunArguments
from transform.common import filesystems
from transform.common.errors import KinescribeError, UnfitDataError

if TYPE_CHECKING:
    from pipeline.catalogue.run_checks import Examination

Purpose = Literal["run", "extract", "import", "train", "compile"]


_DATA = frozenset({"splits", "captions", "clips"})  # subjects of findings
_NEEDS_TENSORFLOW = 3  # exit code: annotations in a bucket are read by it
_WITH_TENSORFLOW = "--with-tensorflow"


class Findings(NamedTuple):
    """The answer to a request: of each finding, its severity, subject and sentence."""

    facts: dict[str, Any]
    errors: list[tuple[str, str]]
    warnings: list[tuple[str, str]]


class Request(NamedTuple):
    """What is asked: a run's arguments, and the command that will use them."""

    purpose: Purpose
    arguments: RunArguments
    out: str = ""  # the folder of an extraction


def look(
    purpose: Purpose, arguments: RunArguments, out: str = "", verbose: bool = False
) -> Findings:
    """Checks what a command is about to use.

    Args:
        purpose: The command.
        arguments: What describes the run.
        out: The folder that an extraction writes.
        verbose: Whether the process may say more than its answer.

    Raises:
        KinescribeError: The check itself failed.
    """
    request = json.dumps([purpose, arguments, out])
    for options in ([], [_WITH_TENSORFLOW]):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "kinescribe.preflight", *options],
            input=request,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.PIPE,
            text=True,
        )
        if done.returncode != _NEEDS_TENSORFLOW:
            break
    if done.returncode:
        reason = (done.stderr or "").strip().rpartition("\n")[2]
        raise KinescribeError(
            f"the check of {arguments.config} failed ({reason or done.returncode}): "
            "report it with the output of `kinescribe --verbose check`."
        )
    facts, findings = json.loads(done.stdout)
    return Findings(
        facts,
        [(about, text) for severity, about, text in findings if severity == "error"],
        [(about, text) for severity, about, text in findings if severity != "error"],
    )


def require(purpose: Purpose, arguments: RunArguments, out: str = "") -> None:
    """Prints the warnings of `look` to standard error, and raises its errors.

    Raises:
        ConfigError: A setting is wrong.
        UnfitDataError: Clips or captions are missing, and nothing else is wrong.
        KinescribeError: Something else will stop the command; all such are named.
    """
    found = look(purpose, arguments, out)
    for about, text in found.warnings:
        print(f"kinescribe: warning: {about}: {text}", file=sys.stderr)
    if found.errors:
        text = "\n  ".join(text for _, text in found.errors)
        raise _error_of({about for about, _ in found.errors})(text)


def _error_of(subjects: set[str]) -> type[KinescribeError]:
    """Returns the kind of an error about these parts of a run."""
    from transform.common.config import ConfigError

    if "settings" in subjects:
        return ConfigError
    return UnfitDataError if subjects <= _DATA else KinescribeError


def _examine(request: Request) -> Examination:
    """Answers a request; settings that cannot be read are the only finding then."""
    from pipeline import joint_configs
    from pipeline.catalogue import run_checks
    from pipeline.catalogue.finding import error

    arguments = request.arguments
    try:
        if request.purpose in ("extract", "import"):
            records, _ = joint_configs.find_records(arguments.config)
            found = run_checks.examine_records(records, request.out)
            if request.purpose == "import":
                computed = run_checks.only_imported(records.features)
                found.findings[:0] = computed
            return found
        config = arguments.read()
    except KinescribeError as problem:
        return run_checks.Examination({}, [error("settings", str(problem))])
    if request.purpose == "train":
        return run_checks.examine_model(config)
    return run_checks.examine_run(config, request.purpose != "compile")


def _main() -> None:
    from kinescribe import settings_only

    if _WITH_TENSORFLOW in sys.argv:
        filesystems.inherit()
    else:
        settings_only.install()
    purpose, arguments, out = json.load(sys.stdin)
    try:
        facts, findings = _examine(Request(purpose, RunArguments(*arguments), out))
    except settings_only.NeedsTensorFlowError:
        sys.exit(_NEEDS_TENSORFLOW)
    json.dump([facts, findings], sys.stdout)
    if _WITH_TENSORFLOW in sys.argv:  # S3's exit handler would abort the process
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    _main()
