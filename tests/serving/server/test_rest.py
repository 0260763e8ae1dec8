"""TensorFlow Serving's REST interface, as a client with nothing but HTTP sees it."""

from __future__ import annotations

import base64
import http.client
import json
import random
import re
from typing import Any, NamedTuple

import numpy as np
import pytest

from serving.client.grpc_client import Client
from tests.support.leaks import no_leak

MODEL = "/v1/models/kinescribe"


class Reply(NamedTuple):
    """What came back: the status, the headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(port: int, method: str, path: str, body: Any = None, **headers) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, names)
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, received, response.read().decode())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server(serving_of, doubling_model):
    return serving_of(
        doubling_model,
        4,
        5,
        version_policy={"kind": "all"},
        limits={"message_bytes": 100_000, "request_rows": 16},
        cors_origins=["https://page.example"],
    )


@pytest.fixture(scope="module")
def ask(server):
    return lambda *arguments, **headers: call(server.rest_port, *arguments, **headers)


def test_predict_in_rows_and_in_columns(ask):
    rows = ask("POST", f"{MODEL}:predict", {"instances": [[1, 2], [3, 4]]})
    assert rows.status == 200
    assert rows.headers["content-type"] == "application/json"
    assert rows.json == {
        "predictions": [{"rows": 1, "y": [2, 4]}, {"rows": 1, "y": [6, 8]}]
    }
    named = ask("POST", f"{MODEL}:predict", {"instances": [{"x": [1, 2]}]})
    assert named.json == {"predictions": [{"rows": 1, "y": [2, 4]}]}
    columns = ask("POST", f"{MODEL}:predict", {"inputs": {"x": [[1, 2]]}})
    assert columns.json == {"outputs": {"rows": [1], "y": [[2, 4]]}}
    older = ask("POST", f"{MODEL}/versions/4:predict", {"inputs": [[0, 0]]})
    assert older.json["outputs"]["y"] == [[0, 0]]


def test_status_and_metadata(ask):
    status = ask("GET", MODEL).json["model_version_status"]
    assert status == [
        {
            "version": version,
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        for version in ("5", "4")
    ]
    one = ask("GET", f"{MODEL}/versions/4").json["model_version_status"]
    assert [entry["version"] for entry in one] == ["4"]
    metadata = ask("GET", f"{MODEL}/metadata").json
    assert metadata["model_spec"] == {
        "name": "kinescribe",
        "signature_name": "",
        "version": "5",
    }
    signature = metadata["metadata"]["signature_def"]["signature_def"]
    assert signature["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


REFUSED = [
    ("POST", "/v1/models/other:predict", {"inputs": [[1, 2]]}, 404, "Servable not"),
    ("POST", f"{MODEL}/versions/9:predict", {"inputs": [[1, 2]]}, 404, "Specific("),
    ("POST", f"{MODEL}/labels/x:predict", {"inputs": [[1, 2]]}, 400, "Unrecognized"),
    (
        "POST",
        f"{MODEL}/versions/99999999999999999999:predict",
        {"inputs": [[1, 2]]},
        400,
        "Failed to convert version",
    ),
    ("POST", f"{MODEL}:predict", {}, 400, "'instances' or 'inputs'"),
    ("POST", f"{MODEL}:predict", b"{", 400, "JSON Parse error"),
    ("POST", f"{MODEL}:predict", {"inputs": [[1]]}, 400, "must be (None, 2)"),
    ("POST", f"{MODEL}:predict", {"inputs": [[-1, 1]]}, 400, "x is negative"),
    (
        "POST",
        f"{MODEL}:predict",
        {"inputs": [[1, 2]], "signature_name": "sing"},
        400,
        'Serving signature key "sing" not found.',
    ),
    ("POST", f"{MODEL}:classify", {}, 501, "answers predict"),
    ("POST", f"{MODEL}:sing", {}, 400, "Malformed request: POST /v1/models"),
    ("GET", "/v1/models", None, 400, "Malformed request: GET"),
    ("GET", f"{MODEL}/versions/9", None, 404, "Could not find version 9"),
    ("GET", "/v1/models/other", None, 404, "other"),
    ("POST", f"{MODEL}:predict", b"[" * 200_000, 429, "exceeds 100000 bytes"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "sentence"), REFUSED)
def test_errors_are_tensorflow_servings_json(ask, method, path, body, status, sentence):
    reply = ask(method, path, body)
    assert reply.status == status
    assert list(reply.json) == ["error"]
    assert sentence in reply.json["error"]


def test_compressed_bodies_are_not_unpacked(ask):
    reply = ask("POST", f"{MODEL}:predict", b"\x1f\x8b", content_encoding="gzip")
    assert (reply.status, "compressed" in reply.json["error"]) == (400, True)


def test_pages_of_known_origins_may_call(ask):
    body = {"inputs": [[1, 2]]}
    known = ask("POST", f"{MODEL}:predict", body, origin="https://page.example")
    assert known.headers["access-control-allow-origin"] == "https://page.example"
    other = ask("POST", f"{MODEL}:predict", body, origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers


def test_a_request_id_comes_back_and_is_logged(ask, caplog):
    caplog.set_level("INFO", "kinescribe.serving.requests")
    reply = ask("POST", f"{MODEL}:predict", {"inputs": [[1, 2]]}, x_request_id="mine-7")
    assert reply.headers["x-request-id"] == "mine-7"
    fields = next(
        record.fields
        for record in caplog.records
        if getattr(record, "fields", {}).get("request_id") == "mine-7"
    )
    assert fields["status"] == "OK" and fields["version"] == 5 and fields["rows"] == 1
    assert fields["total_ms"] >= fields["run_ms"] > 0
    unfit = ask("GET", MODEL, x_request_id="a b\tc")
    assert re.fullmatch("[0-9a-f]{32}", unfit.headers["x-request-id"])


def test_operators_pages(ask, server):
    for port in (server.rest_port, server.metrics_port):
        assert call(port, "GET", "/healthz").status == 200
        assert call(port, "GET", "/readyz").status == 200
        assert call(port, "GET", "/nonsense").status == 404
        page = call(port, "GET", "/monitoring/prometheus/metrics")
        assert "kinescribe_live_versions" in page.text
        assert "process_resident_memory_bytes" in page.text
    assert call(server.metrics_port, "GET", MODEL).status == 404


def test_readiness_follows_the_model(serving_of, doubling_model):
    empty = serving_of(doubling_model, 20261128051500123456)
    assert call(empty.rest_port, "GET", "/healthz").status == 200
    assert call(empty.metrics_port, "GET", "/readyz").status == 503
    reply = call(empty.rest_port, "POST", f"{MODEL}:predict", {"inputs": [[1, 2]]})
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_the_token_is_asked_for_here_too(serving_of, doubling_model, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef-a-token")
    server = serving_of(doubling_model, token_file=str(tmp_path / "token"))
    body = {"inputs": [[1, 2]]}
    for authorization, status in (
        ("", 401),
        ("Bearer 0123456789abcdef-no-token", 401),
        ("Bearer 0123456789abcdef-a-token", 200),
    ):
        headers = {"authorization": authorization}
        path = f"{MODEL}:predict"
        assert call(server.rest_port, "POST", path, body, **headers).status == status
        metrics = call(server.rest_port, "GET", "/metrics", **headers)
        assert metrics.status == status
    assert call(server.rest_port, "GET", "/readyz").status == 200


def test_a_caption_is_the_same_by_rest_and_by_grpc(serving_of, exported, make_example):
    server = serving_of(exported, models="captioners")
    record = make_example(3)
    with Client(server.address) as client:
        (far,) = client.caption_examples([record])
    body = {
        "signature_name": "caption_examples",
        "instances": [{"b64": base64.b64encode(record).decode()}],
    }
    (row,) = call(server.rest_port, "POST", f"{MODEL}:predict", body).json[
        "predictions"
    ]
    assert row["captions"] == list(far.captions)
    np.testing.assert_allclose(row["log_probs"], far.log_probs, rtol=1e-5)


def mutations(count: int, body: bytes):
    chooser = random.Random(7)
    for _ in range(count):
        data = bytearray(body)
        for _ in range(chooser.randint(1, 4)):
            start = chooser.randrange(len(data) + 1)
            end = start + chooser.randint(0, 6)
            data[start:end] = chooser.choice(
                [b"", b"[", b"]", b"{", b"9" * 30, b"null", b'"', b"\xff", b"1e999"]
            )
        yield bytes(data)


def fuzz(port: int, count: int) -> None:
    body = b'{"signature_name": "serving_default", "instances": [[1, 2], [3, 4]]}'
    for data in mutations(count, body):
        reply = call(port, "POST", f"{MODEL}:predict", data)
        assert reply.status in (200, 400), (data, reply)
        assert "Traceback" not in reply.text
    good = call(port, "POST", f"{MODEL}:predict", {"inputs": [[1, 2]]})
    assert good.json["outputs"]["y"] == [[2, 4]]


def test_mutated_bodies_do_no_harm(server):
    fuzz(server.rest_port, 60)


@pytest.mark.slow
def test_a_thousand_mutated_bodies_do_no_harm(server):
    fuzz(server.rest_port, 20)
    with no_leak():
        fuzz(server.rest_port, 1000)
