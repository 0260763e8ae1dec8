"""What a process knows of itself: its code, image, artifacts and libraries."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from typing import NamedTuple

REVISION_VARIABLE = "KINESCRIBE_REVISION"  # of an image, which has no repository
IMAGE_VARIABLE = "KINESCRIBE_IMAGE"  # by its digest
# URIs by the paths of the copies that a task works on, as JSON.
ARTIFACTS_VARIABLE = "KINESCRIBE_ARTIFACTS"

_LIBRARIES = ("kinescribe", "tensorflow", "tfx", "apache-beam", "numpy")
_CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
_SECONDS = 10.0  # that git is waited for


class Code(NamedTuple):
    """The revision that runs, and whether files differ from it."""

    revision: str  # "" where nobody knows it
    changed: bool | None  # None where nobody knows it


@functools.cache
def code(checkout: pathlib.Path = _CHECKOUT) -> Code:
    """Returns the revision by git where the code lies in a checkout, or as it is said.

    Args:
        checkout: The folder with the packages.
    """
    if not (checkout / ".git").exists():
        return Code(os.environ.get(REVISION_VARIABLE, ""), None)
    try:
        revision = _git(checkout, "rev-parse", "HEAD")
        return Code(revision, bool(_git(checkout, "status", "--porcelain", "-uno")))
    except (OSError, subprocess.SubprocessError):  # no git, or not our repository
        return Code(os.environ.get(REVISION_VARIABLE, ""), None)


def image() -> str:
    """Returns the image of this process, if its environment says which."""
    return os.environ.get(IMAGE_VARIABLE, "")


def artifact(path: str) -> str:
    """Returns where an artifact lies of which this process may have a copy.

    Args:
        path: The folder that the process reads or writes.
    """
    uris = json.loads(os.environ.get(ARTIFACTS_VARIABLE, "{}"))
    return uris.get(path, path)


def libraries() -> dict[str, str]:
    """Returns the versions of what decides a model, by name."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # the server's image has no TFX
    return found


def _git(folder: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    return done.stdout.strip()
