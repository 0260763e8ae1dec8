"""What strangers sent to earlier servers, and what it comes to now."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import random
import socket
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.export import warmup
from serving.server.admission import Admission
from serving.server.config import LimitsConfig
from serving.server.grpc_services import TensorFlowServing
from serving.server.predictor import Predictor
from serving.server.prometheus import Metrics
from serving.server.refusals import Code, RefusalError
from serving.server.server import Server
from tests.support.leaks import no_leak
from tests.support.server_metrics import metric

PREDICT = "/tensorflow.serving.PredictionService/Predict"
TOKEN = "0123456789abcdef-a-token"
QUICK = {"message_seconds": 1.0, "unread_calls": 32}


@pytest.fixture(scope="module")
def open_server(serving_of, doubling_model):
    return serving_of(doubling_model, limits=QUICK)


@pytest.fixture(scope="module")
def closed_server(serving_of, doubling_model, tmp_path_factory):
    file = tmp_path_factory.mktemp("secret") / "token"
    file.write_text(TOKEN)
    return serving_of(doubling_model, token_file=str(file))


@pytest.fixture(scope="module")
def caption_server(serving_of, exported):
    return serving_of(exported, models="captioners")


def request(value: float = 1) -> predict_pb2.PredictRequest:
    x = np.full((1, 2), value, np.float32)
    return warmup.request("kinescribe", "", {"x": x})


def is_answered(server: Server, token: str = "") -> bool:
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request(), timeout=20, metadata=metadata)
    return list(answer.outputs["y"].float_val) == [2, 2]


def health(server: Server) -> str:
    with grpc.insecure_channel(server.address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        status = check(health_pb2.HealthCheckRequest(), timeout=20).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


@contextlib.contextmanager
def headers_only(server: Server, count: int) -> Iterator[list[grpc.Future]]:
    """Calls that send their headers and no message."""
    done = threading.Event()

    def nothing() -> Iterator[bytes]:
        done.wait(20)
        yield from ()

    with grpc.insecure_channel(server.address) as channel:
        method = channel.stream_unary(PREDICT)
        calls = [method.future(nothing(), timeout=20) for _ in range(count)]
        try:
            yield calls
        finally:
            done.set()
            for call in calls:
                call.cancel()


# --- A. Whoever reaches the port -----------------------------------------------------


@pytest.mark.parametrize("token", ["", TOKEN])
def test_compressed_messages_are_refused_before_they_are_inflated(closed_server, token):
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(
        closed_server.address, compression=grpc.Compression.Gzip
    ) as channel:
        call = channel.unary_unary(PREDICT)
        with pytest.raises(grpc.RpcError, match="gzip") as caught:
            call(bytes(1_000_000), timeout=20, metadata=metadata)
    assert caught.value.code() is Code.UNIMPLEMENTED


def test_calls_of_headers_alone_lock_nobody_out(open_server):
    with headers_only(open_server, 100) as calls:
        assert is_answered(open_server)
        # The oldest give way at once, the others when their time is over.
        codes = {call.exception(20).code() for call in calls}
    assert codes == {Code.DEADLINE_EXCEEDED}
    assert metric(open_server, 'kinescribe_refused_total{reason="unread"}') >= 100


def test_without_a_token_a_call_is_refused_unread(closed_server):
    with headers_only(closed_server, 70) as calls:
        assert {call.exception(20).code() for call in calls} == {Code.UNAUTHENTICATED}
    assert is_answered(closed_server, TOKEN)
    assert metric(closed_server, 'kinescribe_refused_total{reason="token"}') >= 70


def caption_request(*records: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("kinescribe", "caption_examples", {"examples": [*records]})


def refusal(server: Server, call: predict_pb2.PredictRequest) -> tuple[Code, str]:
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(call, timeout=20)
    return caught.value.code(), caught.value.details()


def with_flow(record: bytes, picture: bytes) -> bytes:
    example = tf.train.Example.FromString(record)
    example.features.feature["flow"].bytes_list.value[:] = [picture]
    return example.SerializeToString()


def test_pictures_that_unpack_to_much_are_refused_at_once(caption_server, make_example):
    good = make_example(1)
    file = io.BytesIO()
    Image.new("L", (16, 256)).save(file, "JPEG", progressive=True)
    progressive = file.getvalue()
    scan = progressive.index(b"\xff\xda")
    scans = progressive[:scan] + progressive[scan : scan + 10] * 80_000
    file = io.BytesIO()
    Image.new("L", (1176, 40_000)).save(file, "PNG")
    for picture in (scans, file.getvalue()):
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            code, details = refusal(
                caption_server, caption_request(good, with_flow(good, picture))
            )
            seconds.append(time.perf_counter() - begun)
            assert code is Code.INVALID_ARGUMENT
            assert "flow of row 1" in details
        assert min(seconds) < 0.5  # with the connection; 14 s of CPU once


def test_one_string_does_not_stand_for_many(caption_server, make_example):
    call = caption_request(make_example(1))
    call.inputs["examples"].tensor_shape.dim[0].size = 64
    code, details = refusal(caption_server, call)
    assert code is Code.INVALID_ARGUMENT
    assert "must hold 64 strings; holds 1" in details


def test_a_huge_tensor_of_a_few_bytes_is_refused(open_server):
    call = request()
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[1.0])
    for size in (10**12, 2):
        proto.tensor_shape.dim.add().size = size
    call.inputs["x"].CopyFrom(proto)
    assert refusal(open_server, call)[0] is Code.INVALID_ARGUMENT


def test_a_message_beyond_the_limit_is_refused(serving_of, doubling_model):
    server = serving_of(doubling_model, limits={"message_bytes": 100_000})
    with grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(PREDICT)(bytes(200_000), timeout=20)
    assert caught.value.code() in (Code.RESOURCE_EXHAUSTED, Code.CANCELLED)
    assert is_answered(server)


def test_health_is_asked_beside_a_full_house(serving_of, doubling_model):
    server = serving_of(
        doubling_model,
        limits={"calls": 1},
        batching={"max_rows": 8, "max_wait_seconds": 2},
    )
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        slow = stub.Predict.future(request(), timeout=20)
        while not metric(server, "kinescribe_waiting_rows"):
            time.sleep(0.01)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request(), timeout=20)
        assert caught.value.code() is Code.RESOURCE_EXHAUSTED
        assert [health(server) for _ in range(8)] == ["SERVING"] * 8
        assert slow.result(20).outputs
    assert metric(server, 'kinescribe_refused_total{reason="calls"}') == 1
    code = 'kinescribe_requests_total{code="RESOURCE_EXHAUSTED"'
    assert metric(server, code) == 1


class SlowReader:
    """The context of a call whose answer nobody takes."""

    async def write(self, message: bytes) -> None:
        await asyncio.Event().wait()


def test_an_answer_that_nobody_takes_is_dropped():
    limits, metrics = LimitsConfig(message_seconds=0.05), Metrics()
    predictor = Predictor(None, limits, metrics)
    services = TensorFlowServing(
        predictor, Admission(limits), limits, metrics, None, None
    )
    with pytest.raises(RefusalError, match="not taken in") as caught:
        asyncio.run(services._write(SlowReader(), predict_pb2.PredictResponse()))
    assert caught.value.code is Code.ABORTED
    predictor.close()


def test_a_cancelled_call_is_counted_as_one(open_server, eventually):
    code = 'kinescribe_requests_total{code="CANCELLED"'
    before = metric(open_server, code)
    with headers_only(open_server, 1) as calls:
        time.sleep(0.1)
        calls[0].cancel()
    eventually(lambda: metric(open_server, code) > before)


# --- B. Silent wrong state -----------------------------------------------------------


def test_values_that_are_no_numbers_are_refused(caption_server, clip_features, spec):
    features = clip_features(1)
    features["tiny"][0, 0, 0, 0] = np.nan
    inputs: dict[str, object] = {"spec_hash": [spec.content_hash]}
    for name, values in features.items():
        inputs[name] = values[None]
        inputs[f"{name}_mask"] = np.ones((1, len(values)), bool)
    call = warmup.request("kinescribe", "caption", inputs)
    code, details = refusal(caption_server, call)
    assert code is Code.INVALID_ARGUMENT
    assert "input tiny holds values that are no finite numbers" in details


# --- D. Answers ----------------------------------------------------------------------


@pytest.mark.parametrize("junk", [b"\xff\xff\xff", b"x" * 100_000])
def test_junk_is_refused_in_a_short_sentence_and_no_trace(
    caption_server, make_example, junk, caplog
):
    code, details = refusal(caption_server, caption_request(make_example(1), junk))
    assert code is Code.INVALID_ARGUMENT
    assert "row 1" in details and len(details) < 120
    assert "Traceback" not in caplog.text


def test_what_is_no_message_is_refused(open_server):
    with grpc.insecure_channel(open_server.address) as channel:
        with pytest.raises(
            grpc.RpcError, match=r"is no tensorflow.serving.PredictRequest"
        ) as caught:
            channel.unary_unary(PREDICT)(b"\xff\xff", timeout=20)
    assert caught.value.code() is Code.INVALID_ARGUMENT


def test_stock_clients_find_numbers_where_they_look(caption_server, make_example):
    with grpc.insecure_channel(caption_server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(caption_request(make_example(1)), timeout=20)
    assert len(answer.outputs["log_probs"].float_val) == 2
    assert not answer.outputs["log_probs"].tensor_content


def test_refused_calls_take_no_place_until_garbage_is_collected(open_server):
    wrong = warmup.request("kinescribe", "", {"x": np.zeros((1, 3), np.float32)})
    stream_limit = 100 + 2 * open_server._config.limits.calls
    gc.disable()
    try:
        with grpc.insecure_channel(open_server.address) as channel:
            predict = channel.unary_unary(PREDICT)
            for data in (b"no message", wrong.SerializeToString()):
                for _ in range(stream_limit):
                    with pytest.raises(grpc.RpcError) as caught:
                        predict(data, timeout=20)
                    assert caught.value.code() is Code.INVALID_ARGUMENT
            assert is_answered(open_server)
    finally:
        gc.enable()


# --- HTTP ----------------------------------------------------------------------------


def test_a_silent_connection_is_closed(open_server):
    with socket.create_connection(("127.0.0.1", open_server.rest_port)) as silent:
        silent.settimeout(20)
        assert silent.recv(1) == b""


def test_a_body_that_does_not_come_is_given_up(open_server):
    head = b"POST /v1/models/kinescribe:predict HTTP/1.1\r\nhost: x\r\n"
    with socket.create_connection(("127.0.0.1", open_server.rest_port)) as slow:
        slow.sendall(head + b"content-length: 100\r\n\r\n{")
        slow.settimeout(20)
        assert slow.recv(4096).startswith(b"HTTP/1.1 504")


# --- Fuzz ----------------------------------------------------------------------------


def mutated(data: bytes, chooser: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chooser.randint(1, 5)):
        start = chooser.randrange(len(changed))
        end = start + chooser.randint(0, 4)
        changed[start:end] = chooser.randbytes(chooser.randint(0, 5))
    return bytes(changed)


def fuzz(server: Server, message: bytes, count: int) -> None:
    """Sends mutated messages; none but the caller's own fault is told."""
    chooser = random.Random(11)
    with grpc.insecure_channel(server.address) as channel:
        method = channel.unary_unary(PREDICT)
        for _ in range(count):
            data = mutated(message, chooser)
            try:
                method(data, timeout=20)
            except grpc.RpcError as error:
                assert error.code() in FAULTS, (data, error)
                assert "Traceback" not in error.details()
                assert len(error.details()) < 1100
        method(message, timeout=20)


FAULTS = {Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION}


def test_mutated_messages_do_no_harm(open_server, caption_server, make_example):
    fuzz(open_server, request().SerializeToString(), 100)
    fuzz(caption_server, caption_request(make_example(1)).SerializeToString(), 40)


@pytest.mark.slow
def test_two_thousand_mutated_messages_do_no_harm(
    open_server, caption_server, make_example
):
    of_captions = caption_request(make_example(1)).SerializeToString()
    fuzz(caption_server, of_captions, 40)  # what is built once is there
    with no_leak():
        fuzz(open_server, request().SerializeToString(), 1000)
        fuzz(caption_server, of_captions, 1000)
