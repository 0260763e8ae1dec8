"""An API server of Kubeflow Pipelines on loopback, as far as schedules need one.

What it takes and gives is what `kfp-server-api` 2.17.3 describes, which
`tests/kubeflow/test_kfp.py` holds it to. Unknown fields of a body are refused, as the
real one refuses them.
"""

from __future__ import annotations

import email
import http.server
import itertools
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, NamedTuple

_PREFIX = "/apis/v2beta1"
_RUN = {"display_name", "experiment_id", "pipeline_version_reference", "runtime_config"}
_FIELDS = {
    "experiments": {"display_name", "namespace"},
    "runs": _RUN,
    "recurringruns": _RUN
    | {"description", "trigger", "mode", "max_concurrency", "no_catchup"},
}
_CRON = re.compile(r"\S+( \S+){5}")


class Exchange(NamedTuple):
    """A request that was served, and its answer."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    status: int
    answer: dict[str, Any]


class Api:
    """A server with pipelines, experiments, runs and schedules.

    `requests` are what came; `answers` are (status, body) that are given first;
    `exchanges` are the others, in full.

    Args:
        certificate: The files of a certificate and its key; without, it speaks HTTP.
    """

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.exchanges: list[Exchange] = []
        self.pipelines: dict[str, dict] = {}
        self.versions: dict[str, list[dict]] = {}
        self.experiments: list[dict] = []
        self.runs: list[dict] = []
        self.schedules: list[dict] = []
        self.page = 2  # items
        self._ids = itertools.count(1)
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._handler()
        )
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            listening = self._server.socket
            self._server.socket = context.wrap_socket(listening, server_side=True)
        self.address = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Api:
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _id(self, kind: str) -> str:
        return f"{kind}-{next(self._ids)}"

    def answer(
        self, method: str, path: str, query: dict, body: dict, file: bytes
    ) -> tuple[int, dict]:
        """Returns status and body of an answer."""
        kind, _, rest = path.removeprefix("/").partition("/")
        kind, _, _ = kind.partition(":")
        if path.startswith("/pipelines/names/"):
            found = self.pipelines.get(path.rsplit("/", 1)[1])
            return (200, found) if found else (404, {"message": "not found"})
        if path == "/pipelines/upload":
            made = {"pipeline_id": self._id("p"), "display_name": query["name"]}
            self.pipelines[query["name"]] = made
            self.versions[made["pipeline_id"]] = []
            return 200, made
        if path == "/pipelines/upload_version":
            assert file
            made = {
                "pipeline_version_id": self._id("v"),
                "display_name": query["name"],
            }
            self.versions[query["pipelineid"]].append(made)
            return 200, made
        if path.endswith("/versions"):
            pipeline = path.split("/")[2]
            return 200, self._paged("pipeline_versions", self.versions[pipeline], query)
        if method == "POST" and kind in _FIELDS and not rest:
            unknown = set(body) - _FIELDS[kind]
            if unknown:
                return 400, {"message": f"unknown field {unknown}"}
        if kind == "experiments":
            if method == "GET":
                return 200, self._paged("experiments", self.experiments, query)
            self.experiments.append({**body, "experiment_id": self._id("e")})
            return 200, self.experiments[-1]
        if kind == "runs":
            return self._answer_run(method, rest, query, body)
        return self._answer_schedule(method, rest, query, body)

    def _answer_run(
        self, method: str, rest: str, query: dict, body: dict
    ) -> tuple[int, dict]:
        if method == "POST":
            made = {**body, "run_id": self._id("r"), "state": "PENDING"}
            self.runs.append(made)
            return 200, made
        if rest:
            [found] = [run for run in self.runs if run["run_id"] == rest]
            return 200, found
        assert query["sort_by"] == "created_at desc"
        newest = self.runs[::-1][: int(query["page_size"])]
        return 200, {"runs": newest}

    def _answer_schedule(
        self, method: str, rest: str, query: dict, body: dict
    ) -> tuple[int, dict]:
        schedule_id, _, action = rest.partition(":")
        if action:
            by_id = {s["recurring_run_id"]: s for s in self.schedules}
            by_id[schedule_id]["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[
                action
            ]
            return 200, {}
        if method == "DELETE":
            self.schedules = [
                s for s in self.schedules if s["recurring_run_id"] != schedule_id
            ]
            return 200, {}
        if method == "POST":
            clock = body["trigger"].get("cron_schedule")
            if clock and not _CRON.fullmatch(clock["cron"]):
                return 400, {"message": "cron has not six fields"}
            number = next(self._ids)
            made = {
                **body,
                "recurring_run_id": f"s-{number}",
                "status": "ENABLED",
                "created_at": f"2026-01-01T00:00:{number:02d}Z",
            }
            self.schedules.append(made)
            return 200, made
        asked = query["experiment_id"]
        mine = [s for s in self.schedules if s["experiment_id"] == asked]
        return 200, self._paged("recurringRuns", mine, query)

    def _paged(self, key: str, items: list[dict], query: dict) -> dict:
        begin = int(query.get("page_token") or 0)
        page = {key: items[begin : begin + self.page]}
        if begin + self.page < len(items):
            page["next_page_token"] = str(begin + self.page)
        return page

    def _handler(self) -> Callable:
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _serve(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = parts.path.removeprefix(_PREFIX)
                api.requests.append((self.command, path))
                api.headers.append(dict(self.headers))
                kind = self.headers.get("Content-Type", "")
                body, file = {}, b""
                if kind.startswith("multipart"):
                    head = f"Content-Type: {kind}\n\n".encode()
                    [part] = email.message_from_bytes(head + content).get_payload()
                    file = part.get_payload(decode=True)
                elif content:
                    body = json.loads(content)
                if api.answers:
                    status, data = api.answers.pop(0)
                else:
                    status, found = api.answer(self.command, path, query, body, file)
                    data = json.dumps(found).encode()
                    api.exchanges.append(
                        Exchange(
                            self.command,
                            parts.path,
                            query,
                            body,
                            status,
                            json.loads(data),
                        )
                    )
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _serve  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler
