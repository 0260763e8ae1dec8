"""Captions a second and latency of `kinescribe serve`, by the number of callers.

    python benchmarks/caption_server.py [demo/pushed] [--callers 1 8] [--seconds 10]
        [--beside 0]

The server is a process of its own; this one sends it ready-made records of noise, one
a request, so that extraction is not measured. "cpu" is the server's CPU time a caption,
"rows" the mean number of clips in a run of the graph. With `--beside 4`, four more
callers send 64 clips a request all the time; they are not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import numpy as np

from serving import signature_names
from serving.client.grpc_client import Client
from transform.records import example_codec
from transform.schema import FeatureSpec

LARGE = 64  # clips of a large request
SERVE = "from kinescribe.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model_base", nargs="?", default="demo/pushed")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--beside", type=int, default=0)
    options, server_options = parser.parse_known_args()
    with _server(options.model_base, server_options) as line:
        with Client(line["address"]) as client:
            examples = [_noise(client.spec, seed) for seed in range(16)]
        print(f"{'callers':>7} {'captions/s':>10} {'p50 ms':>7} {'p99 ms':>7} ", end="")
        print(f"{'cpu ms':>7} {'rows':>5}")
        for callers in options.callers:
            before = _metrics(line)
            with _large_requests(line["address"], examples, options.beside):
                seconds = _call(line["address"], examples, callers, options.seconds)
            spent = {
                name: value - before[name] for name, value in _metrics(line).items()
            }
            median, slow = 1000 * np.quantile(seconds, [0.5, 0.99])
            cpu = 1000 * spent["cpu"] / len(seconds)
            rows = spent["kinescribe_batch_rows_sum"]
            rows /= spent["kinescribe_batch_rows_count"]
            rate = len(seconds) / options.seconds
            print(f"{callers:7} {rate:10.1f} {median:7.1f} {slow:7.1f} ", end="")
            print(f"{cpu:7.1f} {rows:5.1f}", flush=True)


@contextlib.contextmanager
def _server(base: str, options: list[str]) -> Iterator[dict]:
    ports = ["--port", "0", "--metrics-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", base, *ports, *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        yield {**line, "pid": process.pid}
    finally:
        process.terminate()
        process.wait()


def _noise(spec: FeatureSpec, seed: int) -> bytes:
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


def _call(
    address: str, examples: list[bytes], callers: int, seconds: float
) -> list[float]:
    """The latencies of all calls that began within the time."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    def call_until_the_end() -> None:
        with Client(address) as client:
            client.refresh()
            count = 0
            while (begun := time.perf_counter()) < end:
                client.caption_examples([examples[count % len(examples)]])
                latencies.append(time.perf_counter() - begun)
                count += 1

    threads = [threading.Thread(target=call_until_the_end) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


@contextlib.contextmanager
def _large_requests(
    address: str, examples: list[bytes], callers: int
) -> Iterator[None]:
    """Lets callers send requests of many clips until the block ends."""
    done = threading.Event()
    inputs = {
        signature_names.EXAMPLES: list(
            itertools.islice(itertools.cycle(examples), LARGE)
        )
    }

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


def _metrics(line: dict) -> dict[str, float]:
    """The server's sums and counts, with its CPU time."""
    url = f"http://127.0.0.1:{line['metrics_port']}/metrics"
    with urllib.request.urlopen(url) as page:
        rows = page.read().decode().splitlines()
    values = {
        name: float(value)
        for name, value in (row.rsplit(" ", 1) for row in rows if row[0] != "#")
        if name.startswith("kinescribe_batch_rows_") and "{" not in name
    }
    fields = pathlib.Path(f"/proc/{line['pid']}/stat").read_text().rpartition(")")[2]
    ticks = sum(map(int, fields.split()[11:13]))
    return values | {"cpu": ticks / 100}


if __name__ == "__main__":
    main()
