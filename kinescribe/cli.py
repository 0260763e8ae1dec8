"""The command line `kinescribe`; TensorFlow is imported only when a command runs."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
import typer.core

import kinescribe
from kinescribe import settings_only, terminal
from transform.common import failures, filesystems, loopback
from transform.common.errors import UnfitDataError

COMMANDS = (
    "demo",
    "init",
    "check",
    "schema",
    "run",
    "extract",
    "import-features",
    "audio-words",
    "train",
    "fuse",
    "ensemble",
    "evaluate",
    "score",
    "compare-models",
    "verdicts",
    "report",
    "serve",
    "web",
    "caption",
    "describe",
    "explain",
    "inspect",
    "compare",
    "starter",
    "presets",
    "preset",
    "variants",
    "compile",
    "submit",
    "schedule",
    "runs",
    "models",
    "rollback",
    "label",
    "lineage",
    "clean",
    "manifests",
)

_HOME = re.compile(r"\A(--[a-z-]+=|)(~(?=/|\Z).*)", re.DOTALL)  # a value with ~

# Between two looks for garbage. At Python's own 700 they are an eighth of the time that
# TensorFlow takes to be imported, and a tenth of a caption's.
_ALLOCATIONS = 10_000

# Commands that read settings and compute nothing.
LISTING = frozenset({"presets", "preset", "variants"})

# Exit codes.
STOPPED_BY_DATA = 4  # the clips are not fit for a model
INTERRUPTED = 130

app = typer.Typer(
    help="Kinescribe writes sentences about videos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kinescribe {kinescribe.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Framework logs and full traces.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    del version  # handled by its callback
    context.obj = verbose
    loopback.exempt_process()
    if not verbose:
        quiet_frameworks()
    _know_buckets(sys.argv[1:])


def quiet_frameworks() -> None:
    """Silences start-up banners and end-of-life notices of the frameworks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TFX_LOG_LEVEL", "ERROR")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    warnings.filterwarnings("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    for name in ("absl", "tensorflow", "tfx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # workers' traces
    terminal.tell_warnings()


def _expanded(match: re.Match[str]) -> str:
    return match[1] + os.path.expanduser(match[2])


def _exiting(command: Callable[..., int | None]) -> Callable[..., None]:
    """Wraps a command so that its result is the exit code of the process."""

    @functools.wraps(command)
    def run(*arguments: object, **options: object) -> None:
        raise typer.Exit(command(*arguments, **options) or 0)

    return run


class _Command(typer.core.TyperCommand):
    """A command that knows `~`, and file names that look like options (`-a.mp4`).

    A shell expands `~` at the beginning of a word, but not in `--out=~/records` or
    between quotation marks, as scripts and service files have it.
    """

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        arguments = [_HOME.sub(_expanded, word) for word in arguments]
        try:
            return super().parse_args(context, arguments)
        except Exception as error:
            if type(error).__name__ == "NoSuchOption":
                error.message += "; put -- before names that begin with -"  # type: ignore[attr-defined]
            raise


for _name in COMMANDS:
    _module = importlib.import_module(f"kinescribe.commands.{_name.replace('-', '_')}")
    app.command(_name, cls=_Command)(_exiting(_module.command))


def _spare_tensorflow(arguments: Sequence[str]) -> None:
    """Lets a command that only lists settings start without TensorFlow.

    The command is the first argument that is no option: those before it have no values.
    """
    command = next((word for word in arguments if not word.startswith("-")), "")
    if command in LISTING:
        settings_only.install()


def _know_buckets(arguments: Sequence[str]) -> None:
    """Makes s3:// known to a command that names it, itself or in its configuration."""
    if not any(word in LISTING for word in arguments):
        filesystems.register(arguments)


def _take_interrupts() -> None:
    """Lets an interrupt be an exception, unless whoever started this ignores it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.unraisablehook = _unraisable


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupts once more where an interrupt met a destructor, which loses it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.01, os.kill, [os.getpid(), signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(unraisable)


def main() -> None:
    """Runs the command, and ends the process with its exit code.

    After S3 was used, without exit handlers, one of which would abort it.
    """
    try:
        try:
            _run()
        except KeyboardInterrupt:  # outside of what Typer runs
            sys.exit(INTERRUPTED)
    except SystemExit as ended:
        if not filesystems.is_registered():
            raise
        terminal.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(bool(ended.code)))


def _run() -> None:
    """Runs the command; whatever goes wrong is one sentence and exit code 1 or 4.

    Typer reports wrong usage and exits with 2; an interrupt exits with 130.
    """
    _take_interrupts()
    gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])
    verbose = "--verbose" in sys.argv or "-v" in sys.argv
    terminal.print_any_text()
    _spare_tensorflow(sys.argv[1:])
    try:
        try:
            app()
        finally:
            terminal.flush()
    except BrokenPipeError:  # whoever read the output has had enough
        sys.exit(1)
    except Exception as error:
        terminal.report(error, verbose)
        unfit = any(isinstance(e, UnfitDataError) for e in failures.chain(error))
        sys.exit(STOPPED_BY_DATA if unfit else 1)
