"""What goes wrong, TensorFlow Serving's status for it, and the neighbours unhurt.

While each fault happens, other callers of the same server are answered as before.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import pathlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client.grpc_client import Client, ClientTLS
from serving.common.weights_digest import weights_digest
from serving.export import warmup
from serving.pushing import ledger, soundness
from serving.pushing.push import push
from serving.server.config import ServerTLS
from serving.server.model_configs import LatestVersions
from serving.server.refusals import Code
from serving.server.server import Server
from tests.serving.server.test_auth import Authority
from tests.support.pushing import RECORD, write_model
from transform.schema import SPEC_HASH

PREDICT = "/tensorflow.serving.PredictionService/Predict"
TOKEN = "0123456789abcdef-a-token"


@pytest.fixture(scope="module")
def server(serving_of, exported):
    return serving_of(
        exported, models="captioners", limits={"message_bytes": 2**20, "calls": 8}
    )


@contextlib.contextmanager
def neighbours(server: Server, record: bytes | None = None, **access) -> Iterator[None]:
    """Two callers, of whom no call may fail, nor wait for long.

    Without a record, they call a model that doubles numbers.
    """

    def answer(client: Client) -> object:
        if record is None:
            return client.predict("serving_default", {"x": [[1.0, 2.0]]})["y"].tolist()
        return client.caption_examples([record])[0].captions

    done, faults, answered = threading.Event(), [], threading.Semaphore(0)

    def call_until_done() -> None:
        try:
            with Client(server.address, timeout=20, **access) as client:
                expected = answer(client)
                answered.release()
                while not done.is_set():
                    assert answer(client) == expected
                    answered.release()
        except Exception as error:
            faults.append(error)
            answered.release()

    threads = [threading.Thread(target=call_until_done) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            assert answered.acquire(timeout=30)
        yield
        for _ in range(4):  # and some that began after the fault
            assert answered.acquire(timeout=30)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not faults


def call(*records: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("kinescribe", "caption_examples", {"examples": [*records]})


def sent(server: Server, message: bytes, timeout: float = 20) -> tuple[Code, str]:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.address, options) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(PREDICT)(message, timeout=timeout)
    return caught.value.code(), caught.value.details()


def changed(record: bytes, **columns: bytes) -> bytes:
    example = tf.train.Example.FromString(record)
    for name, value in columns.items():
        example.features.feature[name].bytes_list.value[:] = [value]
    return example.SerializeToString()


def large_picture() -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 65_000)).save(file, "JPEG")
    return file.getvalue()


def wrong_dtype(record: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("kinescribe", "caption_examples", {"examples": [1.0]})


def wrong_shape(record: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("kinescribe", "caption_examples", {"examples": [[record]]})


def wrong_hash(record: bytes) -> predict_pb2.PredictRequest:
    return call(changed(record, **{SPEC_HASH: b"of another"}))


def wrong_model(record: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("another", "caption_examples", {"examples": [record]})


def wrong_version(record: bytes) -> predict_pb2.PredictRequest:
    request = call(record)
    request.model_spec.version.value = 9
    return request


def wrong_label(record: bytes) -> predict_pb2.PredictRequest:
    request = call(record)
    request.model_spec.version_label = "canary"
    return request


def wrong_signature(record: bytes) -> predict_pb2.PredictRequest:
    return warmup.request("kinescribe", "classify", {"examples": [record]})


def no_number(record: bytes) -> predict_pb2.PredictRequest:
    values = np.full((4, 2, 2, 64), np.nan, "<f2").tobytes()
    return call(changed(record, tiny=values))


def picture_of_another_size(record: bytes) -> predict_pb2.PredictRequest:
    return call(changed(record, flow=large_picture()))


def one_of_a_batch(record: bytes) -> predict_pb2.PredictRequest:
    return call(record, record, b"\xff\xff")


FAULTS = {
    wrong_dtype: (Code.INVALID_ARGUMENT, "must be string"),
    wrong_shape: (Code.INVALID_ARGUMENT, "must be"),
    wrong_hash: (Code.INVALID_ARGUMENT, "Features of another specification"),
    wrong_model: (Code.NOT_FOUND, "Servable not found for request: Latest(another)"),
    wrong_version: (Code.NOT_FOUND, "Servable not found for request: Specific("),
    wrong_label: (Code.INVALID_ARGUMENT, "Unrecognized servable version label"),
    wrong_signature: (Code.FAILED_PRECONDITION, '"classify" not found'),
    no_number: (Code.INVALID_ARGUMENT, "no finite numbers"),
    picture_of_another_size: (Code.INVALID_ARGUMENT, "feature flow of row 0 is 65000"),
    one_of_a_batch: (Code.INVALID_ARGUMENT, "row 2"),
}


def test_a_wrong_call_is_told_why_and_harms_no_other(server, make_example):
    record = make_example(1)
    with neighbours(server, record):
        for fault, (code, part) in FAULTS.items():
            found, details = sent(server, fault(record).SerializeToString())
            assert (found, part in details) == (code, True), (fault, details)


def test_a_message_of_100_mb_harms_no_other(server, make_example):
    record = make_example(1)
    with neighbours(server, record):
        code, _ = sent(server, bytes(100 * 2**20), timeout=60)
    assert code is Code.RESOURCE_EXHAUSTED


def test_cancelled_and_late_calls_harm_no_other(server, make_example):
    record = make_example(1)
    many = call(*[record] * 64)
    with (
        neighbours(server, record),
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for _ in range(5):
            late = stub.Predict.future(many, timeout=0.05)
            assert late.exception(20).code() is Code.DEADLINE_EXCEEDED
            cancelled = stub.Predict.future(many, timeout=20)
            cancelled.cancel()


def test_callers_that_do_not_read_their_answers_harm_no_other(server, make_example):
    record = make_example(1)
    row = {"b64": base64.b64encode(record).decode()}
    body = json.dumps(
        {"signature_name": "caption_examples", "instances": [row] * 32}
    ).encode()
    head = (
        "POST /v1/models/kinescribe:predict HTTP/1.1\r\nhost: x\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with neighbours(server, record), contextlib.ExitStack() as stack:
        for _ in range(6):
            stalled = stack.enter_context(socket.socket())
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", server.rest_port))
            stalled.sendall(head.encode() + body)
        time.sleep(1)  # all answers are under way


def test_more_calls_than_allowed_are_turned_away_and_those_within_answered(
    server, make_example
):
    record = make_example(1)
    message = call(*[record] * 32)
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        calls = [stub.Predict.future(message, timeout=60) for _ in range(24)]
        codes = [each.exception(60) and each.exception().code() for each in calls]
    assert set(codes) == {None, Code.RESOURCE_EXHAUSTED}
    assert codes.count(None) >= 8


def test_without_the_token_or_tls_nobody_is_harmed(
    serving_of, exported, make_example, tmp_path
):
    (tmp_path / "token").write_text(TOKEN)
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("server")
    server = serving_of(
        exported,
        models="captioners",
        token_file=str(tmp_path / "token"),
        tls=ServerTLS(certificate_file=certificate, key_file=key).dict(),
    )
    record = make_example(1)
    tls = ClientTLS(ca_file=authority.file)
    with neighbours(server, record, token=TOKEN, tls=tls):
        plain, _ = sent(server, call(record).SerializeToString())
        assert plain is Code.UNAVAILABLE
        credentials = grpc.ssl_channel_credentials(
            pathlib.Path(authority.file).read_bytes()
        )
        with grpc.secure_channel(server.address, credentials) as channel:
            method = channel.unary_unary(PREDICT)
            for token in ("", "Bearer wrong", TOKEN):
                with pytest.raises(grpc.RpcError) as caught:
                    metadata = (("authorization", token),)
                    method(call(record).SerializeToString(), 20, metadata)
                assert caught.value.code() is Code.UNAUTHENTICATED


# --- Folders of versions -------------------------------------------------------------


def half_copied(folder: pathlib.Path) -> None:
    data = folder / "variables" / "variables.data-00000-of-00001"
    os.truncate(data, data.stat().st_size // 2)


def empty(folder: pathlib.Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def garbled(folder: pathlib.Path) -> None:
    (folder / "saved_model.pb").write_bytes(b"\xff" * 99)


def not_a_folder(folder: pathlib.Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


def unreadable(folder: pathlib.Path) -> None:
    """Root reads everything, but not what is a folder in place of a file."""
    (folder / "saved_model.pb").unlink()
    (folder / "saved_model.pb").mkdir()


def dangling(folder: pathlib.Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.with_name("nowhere"))


NOT_SERVED = (half_copied, empty, garbled, not_a_folder, unreadable, dangling)
SEEN = (half_copied, garbled, unreadable)  # that look like versions


def statuses(server: Server) -> dict[int, tuple[str, int, str]]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "kinescribe"
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        found = stub.GetModelStatus(request, timeout=20).model_version_status
    state = get_model_status_pb2.ModelVersionStatus.State
    return {
        each.version: (
            state.Name(each.state),
            each.status.error_code,
            each.status.error_message,
        )
        for each in found
    }


def is_live(server: Server, version: int) -> bool:
    return statuses(server).get(version, ("",))[0] == "AVAILABLE"


def test_a_broken_version_is_never_served_and_says_why(
    serving_of, doubling_model, eventually
):
    server = serving_of(doubling_model, poll_seconds=0.05)
    base = pathlib.Path(server._config.model_base)
    with neighbours(server):
        for number, damage in enumerate(NOT_SERVED, 2):
            partial = base.parent / "partial"
            shutil.copytree(doubling_model, partial)
            damage(partial)
            partial.rename(base / str(number))
        seen = {2 + NOT_SERVED.index(damage) for damage in SEEN}
        eventually(lambda: seen <= statuses(server).keys())
        eventually(lambda: {statuses(server)[n][0] for n in seen} == {"END"})
        found = statuses(server)
        assert found[1][0] == "AVAILABLE"
        assert {n for n in found if found[n][0] == "AVAILABLE"} == {1}
        for number in seen:
            _, code, why = found[number]
            assert code and why, number
        repaired = base / "2"
        whole = doubling_model / "variables" / "variables.data-00000-of-00001"
        shutil.copy(whole, repaired / "variables" / whole.name)
        eventually(lambda: is_live(server, 2))


def test_a_pushed_version_that_does_not_load_is_rejected_in_the_ledger_once(
    serving_of, doubling_model, eventually, tmp_path
):
    server = serving_of(doubling_model, poll_seconds=0.05)
    base = server._config.model_base
    model = write_model(tmp_path / "model")  # whole, and without a graph to serve
    record = RECORD.replace(weights_digest=weights_digest(model))
    pushed = push(str(model), base, record)
    eventually(lambda: ledger.rejections(base))
    [event] = ledger.events(base)
    assert (event.event, event.version) == ("rejected", pushed.version)
    assert "has no graph to serve" in event.reason
    told = server._metrics.registry.get_sample_value(
        "kinescribe_rejected_version", {"model": "kinescribe"}
    )
    assert told == int(pushed.version)
    assert is_live(server, 1) and soundness.newest_sound(base).pushed.version == "1"
    server._catalogue.find("kinescribe").versions.change_policy(LatestVersions())
    assert ledger.events(base) == [event]


def test_odd_names_and_links_are_versions_as_tensorflow_serving_has_them(
    serving_of, doubling_model, eventually, tmp_path
):
    server = serving_of(doubling_model, 5, poll_seconds=0.05)
    base = pathlib.Path(server._config.model_base)
    shutil.copytree(doubling_model, base / "-7")
    shutil.copytree(doubling_model, base / "0")
    shutil.copytree(doubling_model, base / "1e3")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(doubling_model, elsewhere)
    with neighbours(server):
        (base / "006").symlink_to(elsewhere)
        eventually(lambda: is_live(server, 6))
        assert statuses(server).keys() == {5, 6}
        (base / "006").unlink()  # deleted while it is live
        eventually(lambda: statuses(server)[6][0] == "END")
        eventually(lambda: is_live(server, 5))
        shutil.rmtree(base / "5")
        eventually(lambda: is_live(server, 0))
        shutil.rmtree(base / "0")
        time.sleep(0.2)  # better an old model than none
        assert is_live(server, 0)
