"""Buckets: makes their file systems known, and waits for none of them for ever.

TensorFlow knows `gs://` by itself and `s3://` where tensorflow-io is imported, which
takes seconds and makes the process abort in its exit handlers: after `register` it has
to end by `os._exit`. Processes that it starts know the same.
"""

from __future__ import annotations

import os
import pathlib
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from transform.common.location import Location, LocationError

ANSWER_SECONDS = 20.0  # that a bucket has for its answer

_S3 = "s3://"
_VARIABLE = "KINESCRIBE_S3"  # set for this process and those that it starts
_CONFIGURATIONS = (".yaml", ".yml", ".json")
_MOST_BYTES = 1_000_000  # of a configuration

ResultT = TypeVar("ResultT")


def register(arguments: Iterable[str]) -> bool:
    """Makes s3:// known if one of a command's arguments names it.

    Args:
        arguments: Places, texts that name them, or configuration files that do.

    Returns:
        Whether it is known now.
    """
    if any(_names_s3(argument) for argument in arguments):
        os.environ[_VARIABLE] = "1"
    return inherit()


def inherit() -> bool:
    """Makes s3:// known in a process that another one started which knew it."""
    if not is_registered():
        return False
    import tensorflow_io  # noqa: F401  its import registers the file system

    return True


def is_registered() -> bool:
    """Returns whether s3:// is known, so that the process must end by `os._exit`."""
    return bool(os.environ.get(_VARIABLE))


def answered(
    place: str, call: Callable[[], ResultT], seconds: float | None = None
) -> ResultT:
    """Returns what a call to a place gives, or raises what it raises.

    A bucket's own retries would go on for minutes. The call is not waited for longer,
    but cannot be ended either; a place on this machine is called as it is.

    Args:
        place: Of the bucket.
        call: What is asked of it.
        seconds: That it has for its answer; by default `ANSWER_SECONDS`.

    Raises:
        LocationError: It has not answered in time.
    """
    if not Location(place).is_remote:
        return call()
    results: list[ResultT] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    limit = ANSWER_SECONDS if seconds is None else seconds
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit)
    if errors:
        raise errors[0]
    if not results:
        raise LocationError(
            place,
            f"it has not answered for {limit:.0f} s; look at the network, at the "
            "credentials and, for s3://, at S3_ENDPOINT",
        )
    return results[0]


def _names_s3(argument: str) -> bool:
    if _S3 in argument:
        return True
    if not argument.endswith(_CONFIGURATIONS):
        return False
    path = pathlib.Path(argument)
    try:
        return path.stat().st_size <= _MOST_BYTES and _S3.encode() in path.read_bytes()
    except (OSError, ValueError):  # whoever reads it says so
        return False
