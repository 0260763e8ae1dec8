from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from serving.client.grpc_client import Client

FREE_PORTS = ("--port", 0, "--metrics-port", 0)


@pytest.fixture
def start(tmp_path):
    """Starts `kinescribe serve` as a process; gives it and its line of JSON."""
    processes = []

    def start(*arguments) -> tuple[subprocess.Popen, dict]:
        program = "from kinescribe.cli import main; main()"
        words = [sys.executable, "-c", program, "serve", *map(str, arguments)]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_process_serves_until_sigterm(start, doubling_model, tmp_path):
    shutil.copytree(doubling_model, tmp_path / "base" / "3")
    process, line = start(tmp_path / "base", *FREE_PORTS, "--threads", 1)
    assert line["model"] == "kinescribe" and line["version"] == 3
    with Client(line["address"]) as client:
        assert client.predict("serving_default", {"x": np.ones((1, 2), np.float32)})[
            "y"
        ].tolist() == [[2, 2]]
    url = f"http://127.0.0.1:{line['metrics_port']}/metrics"
    with urllib.request.urlopen(url, timeout=20) as page:
        assert b"kinescribe_model_version 3.0" in page.read()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "version 3 is live" in errors
    assert "Traceback" not in errors
