"""Checkers of deployment files: from `make deploy-tools`, or from the machine."""

import os
import pathlib
import shutil
import subprocess

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


def operator_schemas(*paths: pathlib.Path) -> list[str]:
    """Returns the faults of operators' manifests; see `operator_schemas.py`."""
    python = _PLACES[0] / "python"
    packages = python.parent.parent.glob("lib/*/site-packages/kserve")
    if not any(packages):
        pytest.skip("there is no KServe client; `make deploy-tools` brings it")
    done = subprocess.run(
        [python, ROOT / "tests/support/operator_schemas.py", *paths],
        capture_output=True,
        text=True,
    )
    assert not done.stderr, done.stderr
    assert done.returncode == bool(done.stdout)
    return done.stdout.splitlines()
