from __future__ import annotations

import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc
from typer.testing import CliRunner

from kinescribe.cli import app
from serving.client.grpc_client import Client
from serving.export import warmup

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


def double(line: dict) -> list:
    with Client(line["address"], timeout=20) as client:
        x = np.ones((1, 2), np.float32)
        return client.predict("serving_default", {"x": x})["y"].tolist()


def test_the_process_serves_until_sigterm(start, doubling_model, tmp_path):
    shutil.copytree(doubling_model, tmp_path / "base" / "3")
    models = tmp_path / "models.config"
    text = (
        'model_config_list { config { name: "kinescribe" base_path: "BASE" POLICY } }'
    )
    text = text.replace("BASE", str(tmp_path / "base"))
    models.write_text(text.replace("POLICY", ""))
    process, line = start(
        "--model-config-file", models, *FREE_PORTS, "--any-model", "--poll", 600,
        "--threads", 1, "--log-format", "json",
    )  # fmt: skip
    assert line["model"] == "kinescribe" and line["version"] == 3
    assert double(line) == [[2, 2]]
    shutil.copytree(doubling_model, tmp_path / "base" / "4")
    models.write_text(text.replace("POLICY", "model_version_policy { all {} }"))
    process.send_signal(signal.SIGHUP)
    url = f"http://127.0.0.1:{line['metrics_port']}/metrics"
    live = b'kinescribe_live_versions{model="kinescribe"} 2.0'
    deadline = time.monotonic() + 30
    while live not in urllib.request.urlopen(url, timeout=20).read():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(row) for row in errors.splitlines()]
    assert "version 3 is live" in {row["message"] for row in lines}
    (call,) = (row for row in lines if row["message"] == "request")
    assert (call["method"], call["status"], call["rows"]) == ("Predict", "OK", 1)
    assert "stopped after" in lines[-1]["message"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "one of them"),
        (("base", "--max-batch", 0), "--max-batch"),
        (("base", "--version", -3), "--version"),
        (("base", "--version", 3, "--keep", 2), "not both"),
        (("base", "--tls-cert", "a"), "--tls-key"),
        (("base", "--tls-client-ca", "a"), "--tls-client-ca"),
        (("base", "--log-format", "xml"), "text or json"),
    ],
)
def test_wrong_usage_names_the_option(options, sentence):
    result = CliRunner().invoke(app, ["serve", *map(str, options)])
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_port_in_use_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "base", "--rest-port", port])
    assert "choose another --rest-port" in str(result.exception)


def call_until_refused(address: str, codes: list[str]) -> None:
    request = warmup.request("kinescribe", "", {"x": np.ones((1, 2), np.float32)})
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        while True:
            try:
                stub.Predict(request, timeout=20)
            except grpc.RpcError as error:
                codes.append(error.code().name)
                return


@pytest.mark.slow
def test_sigterm_under_load_cancels_no_call(start, doubling_model, tmp_path):
    shutil.copytree(doubling_model, tmp_path / "base" / "1")
    for _ in range(10):
        process, line = start(tmp_path / "base", *FREE_PORTS, "--any-model")
        codes: list[str] = []
        callers = [
            threading.Thread(target=call_until_refused, args=(line["address"], codes))
            for _ in range(16)
        ]
        for caller in callers:
            caller.start()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        for caller in callers:
            caller.join(30)
        assert process.wait(30) == 0
        assert codes == ["UNAVAILABLE"] * 16


@pytest.fixture
def endless_model(tmp_path):
    class Counting(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "x")])
        def count(self, x):
            limit, zero = tf.reduce_max(x), tf.constant(0, tf.int64)
            (end,) = tf.while_loop(lambda i: i < limit, lambda i: (i + 1,), [zero])
            return {"y": x + end}

    module = Counting()
    folder = tmp_path / "base" / "1"
    tf.saved_model.save(module, str(folder), {"serving_default": module.count})
    return folder.parent


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2])
def test_a_stuck_run_does_not_keep_the_process(start, endless_model, signals):
    process, line = start(endless_model, *FREE_PORTS, "--any-model", "--drain", 2)
    request = warmup.request("kinescribe", "", {"x": np.array([2**62])})
    with grpc.insecure_channel(line["address"]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        call = stub.Predict.future(request, timeout=60)
        time.sleep(1)
        begun = time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(30) == 0
        assert time.monotonic() - begun < (9 if signals == 1 else 5)
        assert call.exception(20) is not None


@pytest.mark.slow
def test_a_gigabyte_of_zeros_takes_no_memory(start, doubling_model, tmp_path):
    shutil.copytree(doubling_model, tmp_path / "base" / "1")
    process, line = start(tmp_path / "base", *FREE_PORTS, "--any-model")
    assert double(line) == [[2, 2]]
    before = peak_memory(process.pid)
    method = "/tensorflow.serving.PredictionService/Predict"
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(
        line["address"], unlimited, compression=grpc.Compression.Gzip
    ) as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(method)(bytes(2**30), timeout=120)
    assert double(line) == [[2, 2]]
    assert peak_memory(process.pid) - before <= 64 * 2**20


def peak_memory(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])
