"""Checkers of deployment files: from `make deploy-tools`, or from the machine."""

import os
import shutil

import pytest

from tests.support.paths import ROOT

_PLACES = (ROOT / ".venv-deploy" / "bin", ROOT / ".venv-deploy" / "debian/usr/bin")


def tool(name: str) -> str:
    """Returns a program's path; the test is skipped where there is none."""
    places = os.pathsep.join([*map(str, _PLACES), os.environ.get("PATH", "")])
    found = shutil.which(name, path=places)
    if not found:
        pytest.skip(f"there is no {name}; `make deploy-tools` brings it")
    return found
