from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import requests
from typer.testing import CliRunner

from kinescribe.cli import app


def test_a_folder_of_models_is_served_to_the_gateway_itself(exported, clip, tmp_path):
    shutil.copytree(exported, tmp_path / "base" / "3")
    program = "from kinescribe.cli import main; main()"
    command = ["web", tmp_path / "base", "--port", 0, "--decoders", 1]
    command += ["--work-folder", tmp_path / "uploads"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = json.loads(process.stdout.readline())
        url = f"{line['url']}captions?wait=100"
        answer = requests.post(url, data=clip.read_bytes(), timeout=120)
        assert answer.status_code == 200, answer.text
        assert answer.json()["segments"][0]["captions"]
        assert requests.get(line["url"], timeout=20).text.startswith("<!DOCTYPE html>")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0 and "Traceback" not in errors
        assert list((tmp_path / "uploads").iterdir()) == []
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("base", "--server", "a:1"), "not both"),
        (("base", "--model-name", "a"), "--server"),
        (("base", "--tls-cert", "a"), "--tls-key"),
        (("base", "--log-format", "xml"), "text or json"),
        (("--server", "a:1", "--max-upload", 0), "--max-upload"),
    ],
)
def test_wrong_usage_names_the_option(options, sentence):
    result = CliRunner().invoke(app, ["web", *map(str, options)])
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_port_in_use_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["web", "--server", "127.0.0.1:9", "--port", port]
        result = CliRunner().invoke(app, words)
    assert "choose another --port" in str(result.exception)
