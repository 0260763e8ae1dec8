"""Runs a command as a pod does: uid 65532, no rights, no network, code read-only."""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence

import pytest

from tests.support.paths import ROOT

USER = 65532
_DROP = (
    "setpriv",
    *(f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all", "--bounding-set=-all"),
)


def require() -> None:
    """Skips a test where a process cannot be given away."""
    if os.getuid() or not all(map(shutil.which, ("unshare", "setpriv"))):
        pytest.skip("only root can become somebody else, by unshare and setpriv")


def run(
    command: Sequence[str], environment: Mapping[str, str], cwd: pathlib.Path
) -> int:
    """Runs a command so, and returns its exit code.

    Python, wherever it is installed, is seen there alone: nothing else of root's home.
    """
    place = tempfile.mkdtemp(dir="/tmp")
    python, code = sys.base_prefix, str(ROOT)
    lines = [
        f"mkdir {place}/python",
        f"mount --bind {shlex.quote(python)} {place}/python",
        "mount -t tmpfs -o mode=755 none /root",
        f"mkdir -p {shlex.quote(python)}",
        f"mount --bind {place}/python {shlex.quote(python)}",
        f"mount --bind {shlex.quote(code)} {shlex.quote(code)}",
        f"mount -o remount,bind,ro {shlex.quote(code)}",
        f"cd {shlex.quote(str(cwd))}",
        f"exec {shlex.join([*_DROP, *command])}",
    ]
    os.chmod(place, 0o755)
    words = ["unshare", "--mount", "--net", "bash", "-ec", "\n".join(lines)]
    code_of = os.spawnvpe(
        os.P_WAIT,
        "unshare",
        words,
        {"PATH": os.environ["PATH"], "PYTHONPATH": code, "HOME": "/tmp", **environment},
    )
    os.rmdir(f"{place}/python")
    os.rmdir(place)
    return code_of
