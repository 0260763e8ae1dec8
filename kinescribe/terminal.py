"""What commands print: any text on any terminal, and errors as one sentence each."""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from transform.common import failures
from transform.common.errors import KinescribeError

_PLAIN: Mapping[str, str] = {  # for terminals that have no more than ASCII
    "…": "...",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "×": "x",
    "→": "->",
}
_SIZE = re.compile(r"[0-9]{1,4}|")  # of a terminal
_MIN_COLUMNS = 20
_UNSEEN_COLUMNS = "200"
_OURS = ("transform", "keras_models", "serving", "components", "pipeline", "kubeflow")


def print_any_text() -> None:
    """Lets standard output and error take names and signs that they cannot encode.

    Bytes of a name that are no text, and signs that the locale lacks, are escaped as
    Python and JSON write them.
    """
    for name in ("COLUMNS", "LINES"):
        if not _SIZE.fullmatch(os.environ.get(name, "0")):
            del os.environ[name]  # which Rich would take for a number
    columns = os.environ.get("COLUMNS", "")
    if not columns and not (sys.stdout.isatty() or sys.stderr.isatty()):
        os.environ["COLUMNS"] = _UNSEEN_COLUMNS  # nobody looks: nothing is wrapped
    if columns and int(columns) < _MIN_COLUMNS:  # nothing is left of a table
        os.environ["COLUMNS"] = str(_MIN_COLUMNS)
    codecs.register_error("kinescribe", _plainly)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # of another's making
            stream.reconfigure(errors="kinescribe")  # type: ignore[union-attr]


def tell_warnings() -> None:
    """Prints what our packages warn of, a line each and without traces."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line("kinescribe: %(message)s"))
    for name in _OURS:
        log = logging.getLogger(name)
        log.setLevel(logging.WARNING)
        if not log.handlers:
            log.addHandler(handler)
            log.propagate = False


def report(error: BaseException, verbose: bool) -> None:
    """Prints an error on standard error: one sentence, and its trace if asked for."""
    if verbose:
        traceback.print_exception(error)
    sentence = failures.explanation(error)
    if sentence is None:
        words = " ".join(str(error).split())
        sentence = (
            f"a fault of Kinescribe, {type(error).__name__}: {words[:300]} "
            "(`kinescribe --verbose` shows where; please report it)."
        )
    with contextlib.suppress(OSError, ValueError):  # nobody may be listening
        print(f"kinescribe: {sentence}", file=sys.stderr, flush=True)


def flush() -> None:
    """Writes out what was printed; of an output that cannot take it, OSError tells."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _discard_output()
        if isinstance(error, BrokenPipeError):
            raise
        raise KinescribeError(f"standard output: {failures.reason(error)}.") from error


def _discard_output() -> None:
    """Keeps the interpreter from trying again, and complaining, when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if sign in _PLAIN:
        return _PLAIN[sign], error.start + 1
    one = UnicodeEncodeError(
        error.encoding, error.object, error.start, error.start + 1, error.reason
    )
    return codecs.backslashreplace_errors(one)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        cause = record.exc_info[1] if record.exc_info else None
        # The cause's own text stands where a trace would.
        line = logging.makeLogRecord({**record.__dict__, "exc_info": None})
        line.exc_text = None
        text = super().format(line)
        return f"{text}: {_last_line(cause)}" if cause else text


def _last_line(error: Any) -> str:
    return traceback.format_exception_only(type(error), error)[-1].strip()
