from __future__ import annotations

import itertools
import threading
import time
import urllib.request
from concurrent import futures

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.client.grpc_client import Client
from serving.common.errors import RefusedError, ServingError
from serving.export import warmup
from serving.server.config import BatchingConfig, ServerConfig
from serving.server.server import Server
from tests.support.server_metrics import metric

NAME = "kinescribe"
STATES = get_model_status_pb2.ModelVersionStatus


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


@pytest.fixture
def serve(base):
    """Starts servers on free ports and stops them."""
    servers = []

    def serve(**settings) -> Server:
        config = {
            "model_base": str(base),
            "models": "any",
            "port": 0,
            "poll_seconds": 0.05,
            **settings,
        }
        servers.append(Server(ServerConfig.from_dict(config)))
        servers[-1].start()
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def connect():
    """Opens channels and closes them."""
    channels = []

    def connect(server: Server) -> grpc.Channel:
        channels.append(grpc.insecure_channel(server.address))
        return channels[-1]

    yield connect
    for channel in channels:
        channel.close()


@pytest.fixture
def client_of():
    clients = []

    def client_of(server: Server, **options) -> Client:
        clients.append(Client(server.address, timeout=20, **options))
        return clients[-1]

    yield client_of
    for client in clients:
        client.close()


def double(client: Client, *values: float) -> list[float]:
    x = np.repeat(np.array(values, np.float32)[:, None], 2, axis=1)
    return client.predict("serving_default", {"x": x})["y"][:, 0].tolist()


def prediction_request(**changes):
    request = warmup.request(NAME, "", {"x": np.ones((1, 2), np.float32)})
    for field, value in changes.items():
        if field == "version":
            request.model_spec.version.value = value
        elif field == "output_filter":
            request.output_filter.extend(value)
        else:
            setattr(request.model_spec, field, value)
    return request


def test_predict_answers_with_the_version_that_did(
    serve, connect, push, doubling_model
):
    push(doubling_model, 5)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(connect(serve()))
    response = stub.Predict(prediction_request(), timeout=20)
    assert response.model_spec.version.value == 5
    assert response.model_spec.signature_name == "serving_default"
    assert set(response.outputs) == {"y", "rows"}
    filtered = stub.Predict(prediction_request(output_filter=["y"], version=5))
    assert set(filtered.outputs) == {"y"}


def test_only_captions_are_offered(serve, connect, push, doubling_model):
    push(doubling_model, 1)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(connect(serve()))
    for method in (stub.Classify, stub.Regress, stub.MultiInference):
        with pytest.raises(grpc.RpcError, match="answers Predict") as caught:
            method(classification_pb2.ClassificationRequest(), timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_metadata_describes_the_signatures(serve, client_of, push, doubling_model):
    push(doubling_model, 8)
    metadata = client_of(serve()).metadata()
    assert metadata.model_spec.version.value == 8
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert metadata.metadata["signature_def"].Unpack(signatures)
    assert list(signatures.signature_def) == ["serving_default"]
    assert list(signatures.signature_def["serving_default"].inputs) == ["x"]


def test_one_bad_request_does_not_fail_its_batch(
    serve, client_of, push, doubling_model
):
    push(doubling_model, 1)
    patient = BatchingConfig(max_rows=4, max_wait_seconds=10)
    client = client_of(serve(batching=patient))
    with futures.ThreadPoolExecutor(4) as callers:
        answers = [callers.submit(double, client, x) for x in (1, -1, 2, 3)]
        assert [answers[i].result()[0] for i in (0, 2, 3)] == [2, 4, 6]
        with pytest.raises(RefusedError, match="x is negative") as caught:
            answers[1].result()
    assert "Traceback" not in str(caught.value)
    assert "defined at" not in str(caught.value)


def test_badly_shaped_requests_never_reach_a_batch(
    serve, client_of, push, doubling_model
):
    push(doubling_model, 1)
    client = client_of(serve(limits={"request_rows": 3}))
    for x, sentence in (
        (np.ones((1, 3), np.float32), r"must be \(None, 2\)"),
        (np.ones((1, 2), np.float64), "must be float32"),
        (np.ones((4, 2), np.float32), "1 to 3 rows"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            client.predict("serving_default", {"x": x})
    assert double(client, 1, 2, 3) == [2, 4, 6]


def test_hot_swaps_under_load_lose_no_request(
    serve, client_of, push, doubling_model, base
):
    push(doubling_model, 1)
    server = serve(poll_seconds=0.02)
    done = threading.Event()
    answered: list[int] = []

    def call_all_the_time() -> None:
        with Client(server.address, timeout=20) as client:
            for number in itertools.count():
                if done.is_set():
                    return
                assert double(client, number) == [2 * number]
                answered.append(number)

    with futures.ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(call_all_the_time) for _ in range(4)]
        try:
            for version in range(2, 6):
                before = len(answered)
                push(doubling_model, version)
                while server.version != version or len(answered) < before + 5:
                    assert not any(call.done() for call in calls)
                    done.wait(0.01)
        finally:
            done.set()
        for call in calls:
            call.result(20)


def test_health_follows_the_model(
    serve, connect, push, doubling_model, eventually, client_of
):
    server = serve()
    stub = health_pb2_grpc.HealthStub(connect(server))

    def health(service: str = "") -> str:
        request = health_pb2.HealthCheckRequest(service=service)
        status = stub.Check(request, timeout=20).status
        return health_pb2.HealthCheckResponse.ServingStatus.Name(status)

    assert health() == "NOT_SERVING"
    with pytest.raises(
        ServingError, match=r"is not ready: no version of .* is loaded yet"
    ):
        double(client_of(server), 1)
    push(doubling_model, 1)
    eventually(lambda: health() == "SERVING")
    assert health("tensorflow.serving.PredictionService") == "SERVING"
    assert double(client_of(server), 1) == [2]


def test_status_tells_of_every_version(
    serve, connect, push, doubling_model, base, eventually
):
    push(doubling_model, 1)
    server = serve()
    stub = model_service_pb2_grpc.ModelServiceStub(connect(server))

    def states() -> dict[int, str]:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = NAME
        response = stub.GetModelStatus(request, timeout=20)
        return {
            status.version: STATES.State.Name(status.state)
            for status in response.model_version_status
        }

    assert states() == {1: "AVAILABLE"}
    damaged = push(doubling_model, 2)
    (damaged / "saved_model.pb").write_bytes(b"\xff" * 9)
    eventually(lambda: states().get(2) == "END")
    push(doubling_model, 3)
    eventually(lambda: states() == {1: "END", 2: "END", 3: "AVAILABLE"})
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = NAME
    request.model_spec.version.value = 2
    response = stub.GetModelStatus(request, timeout=20)
    assert response.model_version_status[0].status.error_message
    request.model_spec.version.value = 9
    with pytest.raises(grpc.RpcError, match="Could not find version 9 of model"):
        stub.GetModelStatus(request, timeout=20)


def reload_request(base: str = "", versions: tuple[int, ...] = (), name: str = NAME):
    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add(name=name, base_path=base)
    if versions:
        config.model_version_policy.specific.versions.extend(versions)
    return request


def test_a_reload_request_rolls_back_and_forward(
    serve, connect, push, doubling_model, base
):
    push(doubling_model, 1)
    push(doubling_model, 2)
    server = serve(poll_seconds=60)
    stub = model_service_pb2_grpc.ModelServiceStub(connect(server))

    def reload(**arguments) -> None:
        stub.HandleReloadConfigRequest(reload_request(**arguments), timeout=20)

    assert server.version == 2
    reload(versions=(1,), base=str(base))
    assert server.version == 1
    push(doubling_model, 3)
    reload()
    assert server.version == 3
    for arguments, sentence in (
        ({"name": "other"}, "beside none of the models"),
        ({"base": "/elsewhere/base"}, "beside none of the models"),
        ({"versions": (7,)}, "version 7 .* cannot be loaded; 3 stays"),
    ):
        with pytest.raises(grpc.RpcError, match=sentence):
            reload(**arguments)
    assert server.version == 3


def test_a_refused_pin_does_not_stick(serve, connect, push, doubling_model, eventually):
    push(doubling_model, 2)
    server = serve()
    stub = model_service_pb2_grpc.ModelServiceStub(connect(server))
    with pytest.raises(grpc.RpcError, match="FAILED_PRECONDITION"):
        stub.HandleReloadConfigRequest(reload_request(versions=(7,)), timeout=20)
    push(doubling_model, 3)
    eventually(lambda: server.version == 3)


def test_metrics_count_what_happened(serve, client_of, push, doubling_model):
    push(doubling_model, 4)
    server = serve(metrics_port=0)
    client = client_of(server)
    double(client, 1, 2)
    with pytest.raises(RefusedError):
        double(client, -1)
    with pytest.raises(RefusedError):
        client.predict("made up", {})
    url = f"http://127.0.0.1:{server.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=20) as page:
        lines = page.read().decode().splitlines()
    for line in (
        'kinescribe_model_version{model="kinescribe"} 4.0',
        'kinescribe_live_versions{model="kinescribe"} 1.0',
        'kinescribe_requests_total{code="OK",method="Predict",model="kinescribe",'
        'protocol="grpc",signature="serving_default"} 1.0',
        'kinescribe_requests_total{code="INVALID_ARGUMENT",method="Predict",'
        'model="kinescribe",protocol="grpc",signature="serving_default"} 1.0',
        'kinescribe_requests_total{code="FAILED_PRECONDITION",method="Predict",'
        'model="kinescribe",protocol="grpc",signature=""} 1.0',
        "kinescribe_batch_rows_sum 3.0",
        "kinescribe_requests_in_progress 0.0",
    ):
        assert line in lines
    assert any("kinescribe_request_seconds_bucket" in line for line in lines)


def test_a_port_in_use_is_said(serve, base):
    server = serve()
    config = ServerConfig(model_base=str(base), port=server.port)
    second = Server(config)
    with pytest.raises(ServingError, match="choose another --port"):
        second.start()
    second.stop()


def test_the_wrong_folder_is_said_before_anything_starts(
    tmp_path, push, doubling_model
):
    with pytest.raises(ServingError, match="there is no folder"):
        Server(ServerConfig(model_base=str(tmp_path / "absent")))
    version = push(doubling_model, 1)
    with pytest.raises(ServingError, match="is a model itself"):
        Server(ServerConfig(model_base=str(version)))


def test_a_late_answer_is_given_up_and_not_run(serve, connect, push, doubling_model):
    push(doubling_model, 1)
    patient = BatchingConfig(max_rows=8, max_wait_seconds=0.5)
    server = serve(batching=patient, metrics_port=0)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(connect(server))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(prediction_request(), timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_more_calls_than_allowed_are_turned_away(
    serve, client_of, push, doubling_model
):
    push(doubling_model, 1)
    patient = BatchingConfig(max_rows=2, max_wait_seconds=1)
    server = serve(batching=patient, limits={"calls": 1})
    client = client_of(server)
    with futures.ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(double, client, 3) for _ in range(2)]
        errors = [call.exception(20) for call in calls]
    assert [str(error) for error in errors].count("None") == 1
    with pytest.raises(ServingError, match="too much to do"):
        raise next(filter(None, errors))


def test_stopping_answers_what_is_under_way(serve, push, doubling_model):
    push(doubling_model, 1)
    patient = BatchingConfig(max_rows=8, max_wait_seconds=1)
    server = serve(batching=patient, metrics_port=0)
    with Client(server.address, timeout=20) as client:
        with futures.ThreadPoolExecutor(1) as caller:
            answer = caller.submit(double, client, 5)
            while not (metric(server, "kinescribe_waiting_rows") or answer.done()):
                time.sleep(0.005)
            server.stop()
            assert answer.result(20) == [10]
        with pytest.raises(ServingError, match="no server answers at"):
            double(client, 1)
