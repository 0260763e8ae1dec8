"""What `kinescribe serve` and its client do in a second, and what they need for it.

    python benchmarks/serve.py [--model demo mgsa FOLDER …] [--what …] [--log FILE]

Calls     callers of one clip a request, over gRPC and REST, with and without batches:
          captions a second, latencies, the server's CPU time a caption, clips a run
Start     from the start of the process until its ports are open and until the first
          caption; the first and the tenth call of `serving_default`
Memory    of the server after 1,000 requests of 16 callers and at the end
Client    clips a second of `caption_many`, which `kinescribe caption --server` uses, on
          videos of moving_world, with the server on the same machine

A preset is its model at the paper's sizes with random weights, beam 5, captions of 20
words; `demo`, the demo's, untrained, beam 3; a folder holds a model's versions. Calls
carry ready-made records of noise. With `--beside 4`, four more callers send 64 clips a
request all the time; they are not counted. With `--log`, rows that are in the file are
not measured again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

import numpy as np  # noqa: E402
import serving_load  # noqa: E402
import step_time  # noqa: E402
import tensorflow as tf  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from keras_models.captioner import Captioner  # noqa: E402
from keras_models.captioning_model import CaptioningModel  # noqa: E402
from keras_models.decoders.decoder import Decoder  # noqa: E402
from pipeline import configs  # noqa: E402
from serving.client.clip_parts import ClipPart  # noqa: E402
from serving.client.grpc_client import Client  # noqa: E402
from serving.client.many import caption_many  # noqa: E402
from serving.export.export import export  # noqa: E402
from transform.backbones import loading  # noqa: E402
from transform.common.weight_files import WeightsError  # noqa: E402
from transform.moving_world import CorpusConfig, render_corpus  # noqa: E402
from transform.records.vocabulary import EOS, Vocabulary  # noqa: E402

Row = dict[str, Any]
KEY = ("model", "what", "protocol", "batches", "callers", "beside")
BATCHES = {"on": [], "off": ["--max-batch", "1"]}
BUSY = 16  # callers, where their number is not the question
DEMO_WORDS = 134  # of the demo's vocabulary
SETTLED = 1000  # requests after which memory should not grow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", nargs="+", default=["demo"])
    parser.add_argument("--what", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--protocol", nargs="+", default=list(serving_load.PROTOCOLS))
    parser.add_argument("--batches", nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--log", type=pathlib.Path)
    options, options.server = parser.parse_known_args()
    done = step_time.rows_of(options.log) if options.log else []
    with tempfile.TemporaryDirectory() as work:
        for name in options.model:
            measured = Measured(name, pathlib.Path(work), options, done)
            for what in options.what:
                MEASURES[what](measured)
    show(done, options.model)


class Measured:
    """A model that is measured, and what is known of it already."""

    def __init__(
        self, name: str, work: pathlib.Path, options: argparse.Namespace, done: list
    ):
        self.name, self.work, self.options = name, work, options
        self._done = done
        versions = any(pathlib.Path(name).glob("[0-9]*"))  # not a run's folder, `demo`
        self._base = name if versions else ""

    def lacks(self, *key: Any) -> bool:
        """Whether a row is still to be measured."""
        return (self.name, *key) not in {
            tuple(row.get(name) for name in KEY[: 1 + len(key)]) for row in self._done
        }

    def add(self, *key: Any, **values: float) -> None:
        """Keeps a row."""
        row = {**dict(zip(KEY, (self.name, *key), strict=False)), **values}
        self._done.append(row)
        if log := self.options.log:
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
        Console(stderr=True).print_json(json.dumps(row), indent=None)

    @contextlib.contextmanager
    def server(self, *options: str) -> Iterator[serving_load.Running]:
        """A server of the model, which is exported first if it is ours."""
        if not self._base:
            base = self.work / self.name
            export_model(self.name, str(base / "1"))
            self._base = str(base)
        with serving_load.server(self._base, *options, *self.options.server) as running:
            yield running


def calls(measured: Measured) -> None:
    """Adds a row for every protocol and number of callers."""
    options = measured.options
    for batches in options.batches:
        missing = [
            (protocol, callers)
            for protocol in options.protocol
            for callers in options.callers
            if measured.lacks("calls", protocol, batches, callers, options.beside)
        ]
        if not missing:
            continue
        with measured.server(*BATCHES[batches]) as running:
            examples = serving_load.records(running.address)
            for protocol, callers in missing:
                serving_load.keep_busy(running, examples, protocol, callers, 1.0)
                cpu, rows = running.cpu_seconds(), running.batch_rows()
                with serving_load.large_requests(
                    running.address, examples, options.beside
                ):
                    latencies, seconds = serving_load.keep_busy(
                        running, examples, protocol, callers, options.seconds
                    )
                median, slow = np.quantile(latencies, [0.5, 0.99])
                measured.add(
                    *("calls", protocol, batches, callers, options.beside),
                    captions_a_second=len(latencies) / seconds,
                    p50_ms=1000 * median,
                    p99_ms=1000 * slow,
                    cpu_ms=1000 * (running.cpu_seconds() - cpu) / len(latencies),
                    rows=running.mean_rows(rows),
                )


def start(measured: Measured) -> None:
    """Adds a row of the first captions after a start."""
    if not measured.lacks("start"):
        return
    with measured.server() as running:
        (example,) = serving_load.records(running.address, 1)
        latencies, _ = serving_load.keep_busy(
            running, [example], "gRPC", 1, requests=10, signature="serving_default"
        )
        measured.add(
            "start",
            open_s=running.open_seconds,
            first_caption_s=running.ready_seconds + latencies[0],
            default_first_ms=1000 * latencies[0],
            default_tenth_ms=1000 * statistics.median(latencies[5:]),
        )


def memory(measured: Measured) -> None:
    """Adds a row of the server's memory over many requests."""
    if not measured.lacks("memory"):
        return
    held: dict[int, float] = {}
    with measured.server() as running:
        examples = serving_load.records(running.address)
        begun = running.held_mib()

        def watch(done: int) -> None:
            if done % SETTLED == 0:
                held[done] = running.held_mib()

        requests = measured.options.requests
        serving_load.keep_busy(
            running, examples, "gRPC", BUSY, requests=requests, watch=watch
        )
        settled, end = held[min(held)], running.held_mib()
        measured.add(
            "memory",
            requests=requests,
            begun_mib=begun,
            settled_mib=settled,
            end_mib=end,
            most_mib=max(*held.values(), end),
            growth=end / settled - 1,
        )


def client(measured: Measured) -> None:
    """Adds a row of how fast videos are captioned through a server."""
    if not measured.lacks("client"):
        return
    corpus = CorpusConfig(train=measured.options.clips, val=0, test=0)
    videos = sorted(render_corpus(corpus, measured.work / "corpus").videos.iterdir())
    parts = [ClipPart(str(path)) for path in videos]
    with measured.server() as running, Client(running.address) as served:
        try:
            list(caption_many(served, parts[:4]))  # the network's graph is built here
        except WeightsError as error:
            print(f"client of {measured.name}: {error}")
            return
        cpu, server_cpu = time.process_time(), running.cpu_seconds()
        began = time.perf_counter()
        answers = list(caption_many(served, parts))
        seconds = time.perf_counter() - began
        assert all(answer.result for answer in answers)
        measured.add(
            "client",
            clips=len(parts),
            clips_a_second=len(parts) / seconds,
            client_cpu_ms=1000 * (time.process_time() - cpu) / len(parts),
            server_cpu_ms=1000 * (running.cpu_seconds() - server_cpu) / len(parts),
        )


MEASURES: dict[str, Callable[[Measured], None]] = {
    "calls": calls,
    "start": start,
    "memory": memory,
    "client": client,
}


def export_model(name: str, folder: str) -> None:
    """Exports a preset's or the demo's model, which writes as many words as it may."""
    if name != "demo":
        step_time.export(tf, name, folder, step_time.EXACT)
        return
    settings = configs.find("demo")
    vocabulary = Vocabulary(f"word{number}" for number in range(DEMO_WORDS))
    captioner = Captioner(
        settings.training.preset().model,
        loading.resolve(settings.features),
        len(vocabulary),
        settings.training.max_words,
    ).build_from_spec()
    for decoder in captioner.submodules:
        if isinstance(decoder, Decoder):
            bias = decoder.words.bias
            bias.assign(tf.tensor_scatter_nd_update(bias, [[EOS]], [-50.0]))
    export(CaptioningModel(captioner, vocabulary), folder, settings.search)


def show(rows: list[Row], models: list[str]) -> None:
    """Prints what was measured."""
    console = Console()
    for name in models:
        mine = [row for row in rows if row["model"] == name]
        table = Table(*KEY[2:], "captions/s", "p50 ms", "p99 ms", "CPU ms", "clips/run")
        for row in mine:
            if row["what"] == "calls":
                values = ("captions_a_second", "p50_ms", "p99_ms", "cpu_ms", "rows")
                table.add_row(
                    *(str(row[key]) for key in KEY[2:]),
                    *(f"{row[value]:.1f}" for value in values),
                )
        console.print(name, style="bold")
        console.print(table)
        for row in mine:
            if row["what"] != "calls":
                told = {k: v for k, v in row.items() if k not in KEY}
                values = ", ".join(f"{k} {v:.3g}" for k, v in told.items())
                console.print(f"{row['what']}: {values}")


if __name__ == "__main__":
    main()
