"""The client's own package is whole, and works where there is nothing else of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import blocked
from tools import client_package

CALL = blocked.program(
    ("tensorflow", "keras", "grpc", "kinescribe"),
    """
import sys
from serving.client import frames_client
from serving.common.errors import ServingError
client = frames_client.FramesClient("http://127.0.0.1:9", attempts=1)
try:
    client.caption_file(sys.argv[1])
except ServingError as error:
    print(frames_client.__file__, error)
""",
)


def test_the_package_has_all_that_the_client_imports(tmp_path):
    folder = tmp_path / "client"
    client_package.write(folder)
    assert 'name = "kinescribe-client"' in (folder / "pyproject.toml").read_text()
    assert "tensorflow" not in (folder / "pyproject.toml").read_text()
    said = subprocess.run(
        [sys.executable, "-c", CALL, "absent.mp4"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert str(folder) in said and "no server answers" in said


@pytest.mark.slow
def test_the_package_can_be_built(tmp_path):
    client_package.write(tmp_path / "client")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--wheel-dir", str(tmp_path), str(tmp_path / "client")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("kinescribe_client-*.whl")
    assert wheel.stat().st_size < 200_000
