"""A server in a process of its own, and callers that keep it busy; for `serve.py`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import numpy as np

from serving.client.grpc_client import Client
from serving.common import signature_names
from serving.export import warmup
from transform.records import example_codec
from transform.schema import FeatureSpec

KINESCRIBE = "from kinescribe.cli import main; main()"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
LARGE = 64  # clips of a large request
LOADING = 300.0  # seconds that a version may take to load


class Running(NamedTuple):
    """A server that is up."""

    pid: int
    address: str
    rest_port: int
    metrics_port: int
    open_seconds: float  # from the process's start until the ports were open
    ready_seconds: float  # until a version was loaded

    def cpu_seconds(self) -> float:
        """The process's CPU time so far."""
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        return sum(map(int, text.rpartition(")")[2].split()[11:13])) / 100

    def held_mib(self) -> float:
        """The process's memory."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def mean_rows(self, before: tuple[float, float] = (0.0, 0.0)) -> float:
        """Clips in a run of the graph, since `before`."""
        rows, runs = self.batch_rows()
        return (rows - before[0]) / max(1.0, runs - before[1])

    def batch_rows(self) -> tuple[float, float]:
        """Clips and runs so far."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url) as page:
            text = page.read().decode()
        return tuple(  # type: ignore[return-value]
            float(text.partition(f"\nkinescribe_batch_rows_{name} ")[2].split()[0])
            for name in ("sum", "count")
        )


@contextlib.contextmanager
def server(base: str, *options: str) -> Iterator[Running]:
    """Runs `kinescribe serve` on free ports."""
    ports = ["--port", "0", "--rest-port", "0", "--metrics-port", "0"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", KINESCRIBE, "serve", base, *ports, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        opened = time.perf_counter()
        while not _is_ready(line["rest_port"]):
            assert time.perf_counter() - opened < LOADING, (
                f"{base} has nothing to serve"
            )
            time.sleep(0.05)
        yield Running(
            process.pid,
            line["address"],
            line["rest_port"],
            line["metrics_port"],
            opened - began,
            time.perf_counter() - began,
        )
    finally:
        process.terminate()
        process.wait()


def _is_ready(rest_port: int) -> bool:
    """Asks a server whether it has a version to offer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{rest_port}/readyz"):
            return True
    except urllib.error.HTTPError:  # 503
        return False


def noise(spec: FeatureSpec, seed: int) -> bytes:
    """A record of a clip of full length that shows nothing."""
    random = np.random.default_rng(seed)
    features = {}
    for tensor in spec.tensors():
        shape = (tensor.max_steps, *tensor.step_shape)
        if tensor.dtype == "float16":
            features[tensor.name] = random.random(shape).astype(np.float16)
        else:
            features[tensor.name] = random.integers(0, 256, shape, np.uint8)
    video = example_codec.VideoExample(str(seed), (), features)
    return example_codec.to_example(video, spec).SerializeToString()


def records(address: str, count: int = 16) -> list[bytes]:
    """Records that the server's model reads."""
    with Client(address) as client:
        return [noise(client.spec, seed) for seed in range(count)]


Call = Callable[[bytes], None]


def grpc_calls(running: Running, signature: str) -> Iterator[Call]:
    """Yields what calls the server over gRPC, for as long as it is used."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(running.address, options) as channel:
        call = channel.unary_unary(PREDICT)  # bytes in, bytes out
        yield lambda message: call(message, timeout=300)


def grpc_message(example: bytes, signature: str) -> bytes:
    """A call of one clip, of which the caption alone is asked for."""
    inputs = {signature_names.EXAMPLES: [example]}
    request = warmup.request(signature_names.MODEL_NAME, signature, inputs)
    request.output_filter.append(signature_names.CAPTION)
    return request.SerializeToString()


def rest_calls(running: Running, signature: str) -> Iterator[Call]:
    """Yields what calls the server over HTTP, by one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", running.rest_port, 300)
    path = f"/v1/models/{signature_names.MODEL_NAME}:predict"

    def call(message: bytes) -> None:
        connection.request("POST", path, message)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]

    try:
        yield call
    finally:
        connection.close()


def rest_message(example: bytes, signature: str) -> bytes:
    """A call of one clip; REST has no way to ask for some outputs alone."""
    row = {"b64": base64.b64encode(example).decode()}
    return json.dumps({"signature_name": signature, "instances": [row]}).encode()


PROTOCOLS: dict[str, tuple[Any, Any]] = {
    "gRPC": (grpc_calls, grpc_message),
    "REST": (rest_calls, rest_message),
}


def keep_busy(
    running: Running,
    examples: list[bytes],
    protocol: str,
    callers: int,
    seconds: float = 1e9,
    requests: float = float("inf"),
    signature: str = signature_names.CAPTION_EXAMPLES_SIGNATURE,
    watch: Callable[[int], None] = lambda done: None,
) -> tuple[list[float], float]:
    """Calls until the time is over or the requests are.

    Returns:
        The seconds of every call, and those of all of it.
    """
    open_calls, message_of = PROTOCOLS[protocol]
    messages = [message_of(example, signature) for example in examples]
    latencies: list[float] = []
    numbers = itertools.count()
    end = time.perf_counter() + seconds

    def call_until_the_end() -> None:
        with contextlib.contextmanager(open_calls)(running, signature) as call:
            while (begun := time.perf_counter()) < end:
                if (number := next(numbers)) >= requests:
                    return
                call(messages[number % len(messages)])
                latencies.append(time.perf_counter() - begun)
                watch(len(latencies))

    began = time.perf_counter()
    threads = [threading.Thread(target=call_until_the_end) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - began


@contextlib.contextmanager
def large_requests(address: str, examples: list[bytes], callers: int) -> Iterator[None]:
    """Lets callers send requests of many clips until the block ends."""
    done = threading.Event()
    rows = itertools.islice(itertools.cycle(examples), LARGE)
    inputs = {signature_names.EXAMPLES: list(rows)}

    def call_until_done() -> None:
        with Client(address) as client:
            while not done.is_set():
                client.predict(signature_names.CAPTION_EXAMPLES_SIGNATURE, inputs)

    threads = [threading.Thread(target=call_until_done) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
