"""S3 on this machine: moto's server, and servers that refuse or never answer."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.support.paths import ROOT

_PYTHON = ROOT / ".venv-deploy" / "bin" / "python"


def environment(port: int) -> dict[str, str]:
    """The environment of a process whose s3:// is a server on this machine."""
    return os.environ | {
        "AWS_ACCESS_KEY_ID": "access",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "S3_USE_HTTPS": "0",
        "S3_VERIFY_SSL": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }


@contextlib.contextmanager
def serving(bucket: str) -> Iterator[dict[str, str]]:
    """Runs moto's server with an empty bucket; `make deploy-tools` brings it."""
    if not _PYTHON.exists():
        pytest.skip("there is no .venv-deploy; `make deploy-tools` makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(_PYTHON.with_name("moto_server")),
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError):
                requests.put(f"{address}/{bucket}", timeout=60).raise_for_status()
                break
            time.sleep(0.2)
        yield environment(port)
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def refusing(status: int | None) -> Iterator[dict[str, str]]:
    """Runs a server that answers each request with a status, or with None never."""
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            if status is None:
                over.wait(600)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield environment(server.server_port)
    finally:
        over.set()
        server.shutdown()
        server.server_close()
