"""Measures what extraction costs a clip, and what workers gain and need.

    python benchmarks/extract.py                        # all parts, MGSA's features
    python benchmarks/extract.py --parts stages plain --clips 10
    python benchmarks/extract.py --parts stages --config demo
    python benchmarks/extract.py --parts stages --config lite0 --precision bfloat16

`lite0` are DIS flow and EfficientNet-Lite0's last map of 20 key frames.

Clips are rendered: 10 s of 320 × 240 at 30 frames a second, moving-world scenes under
noise that takes H.264 to the bit rate of web videos. Networks without weights of their
own have random ones. The parts:

stages   CPU time of a clip by stage, in the very code that the workers run, and the
         bytes that are stored of it
plain    the same features as one would write it down: OpenCV reads the whole clip,
         Keras predicts clip by clip, NumPy saves floats
workers  whole Beam jobs with one and with two processes of one thread each, their start
         included; with ResNet-50, so that 200 clips take minutes
memory   the most that a worker process holds while it extracts
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

import av  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from pipeline import configs  # noqa: E402
from transform.audio import log_mel  # noqa: E402
from transform.backbones import loading, registry  # noqa: E402
from transform.datasets import Jsonl, VideoRecord  # noqa: E402
from transform.jobs import extract_features, extraction_job  # noqa: E402
from transform.jobs.extraction_settings import ExtractionSettings  # noqa: E402
from transform.jobs.work_tracker import WorkTracker  # noqa: E402
from transform.moving_world.render import frames as scene_frames  # noqa: E402
from transform.moving_world.subsets import sample_scene  # noqa: E402
from transform.records import example_codec, feature_store  # noqa: E402
from transform.records.feature_store import FeatureStore  # noqa: E402
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling  # noqa: E402
from transform.schema.features.precision import Precision  # noqa: E402
from transform.video import optical_flow, reader  # noqa: E402

PARTS = ("stages", "plain", "workers", "memory")
SIZE, FPS, SECONDS = (320, 240), 30, 10
NOISE = 9.0  # standard deviation in grey levels
DIFFERENT = 10  # clips with other pictures; the rest differ in a few bytes
RESNET = FrameGrid(
    name="resnet50",
    network="resnet50",
    layer="conv5_block3_out",
    size=224,
    grid=(7, 7),
    width=2048,
    weights="random",
)
LITE0 = FeatureSpec(
    sampling=FrameSampling(resize="bicubic"),
    features=(
        Flow(size=224, clip=20),
        FrameGrid(
            name="efficientnet_lite0",
            network="efficientnet_lite0",
            layer="head",
            size=224,
            grid=(7, 7),
            width=1280,
            weights="packaged",
        ),
    ),
)


# ----------------------------------------------------------------------------- clips


def render(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Writes clips whose contents differ, as far as a store of features can tell."""
    folder.mkdir(parents=True)
    paths = []
    for number in range(count):
        path = folder / f"{number:04d}.mp4"
        if number < DIFFERENT:
            _encode(path, number)
        else:  # a box that players skip
            same = paths[number % DIFFERENT].read_bytes()
            path.write_bytes(same + struct.pack(">I4sI", 12, b"free", number))
        paths.append(path)
    return paths


def _encode(path: pathlib.Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, NOISE, (16, SIZE[1], SIZE[0], 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "26"}
        for number, picture in zip(range(FPS * SECONDS), _pictures(seed), strict=False):
            grain = noise[generator.integers(len(noise))]
            noisy = np.clip(picture + grain, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(noisy, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _pictures(seed: int) -> Iterator[np.ndarray]:
    """Yields the pictures of a clip, scene after scene."""
    while True:
        yield from scene_frames(sample_scene(seed), SIZE, FPS)
        seed += DIFFERENT


def annotate(folder: pathlib.Path, paths: list[pathlib.Path]) -> Jsonl:
    """Returns annotations about the clips."""
    file = folder / "annotations.jsonl"
    lines = [
        f'{{"id": "{path.stem}", "video": "{path}", "split": "train", '
        '"captions": ["x"]}'
        for path in paths
    ]
    file.write_text("\n".join(lines))
    return Jsonl(file=str(file))


# ---------------------------------------------------------------------------- stages


class Clock:
    """Adds up this process' CPU seconds by name."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()

    @contextlib.contextmanager
    def time(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] += time.process_time() - began

    def timed(self, name: str, function: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            with self.time(name):
                return function(*arguments, **options)

        return call

    @contextlib.contextmanager
    def watching(self, stages: dict[str, tuple[Any, str]]) -> Iterator[None]:
        """Times the calls of (owner, attribute) while the block runs."""
        before = {name: getattr(*place) for name, place in stages.items()}
        for name, (owner, attribute) in stages.items():
            setattr(owner, attribute, self.timed(name, before[name]))
        try:
            yield
        finally:
            for name, (owner, attribute) in stages.items():
                setattr(owner, attribute, before[name])


class Cost(NamedTuple):
    """CPU milliseconds of one clip by stage, and the bytes kept of it."""

    milliseconds: dict[str, float]
    size: int


def stages(spec: FeatureSpec, paths: list[pathlib.Path], folder: pathlib.Path) -> Cost:
    clock = Clock()
    load = loading.load

    def timed_network(*features: FrameGrid) -> Callable:
        return clock.timed(f"network ({features[0].network})", load(*features))

    loading.load = timed_network  # type: ignore[assignment]
    watched = {
        "decode": (reader, "read_frames"),
        "flow": (optical_flow, "flow_stack"),
        "sound": (log_mel, "log_mel"),
        "rest: hash": (feature_store, "clip_hash"),
        "rest: encode": (example_codec, "encode_tensor"),
        "rest: store": (FeatureStore, "put"),
        "rest: look-up": (FeatureStore, "info"),
    }
    store = FeatureStore(str(folder / "store"), spec.content_hash)
    tracker = WorkTracker(str(folder / "tracker"))
    text = spec.to_json()
    with clock.watching(watched):
        for number, path in enumerate([paths[0], *paths]):
            if number == 1:  # the first only warmed up
                clock.seconds.clear()
                tf.io.gfile.rmtree(store.folder)
            record = VideoRecord(path.stem, str(path), "train", ("x",), "")
            with clock.time("all"), tracker.claim(record):
                row = extract_features.extract_clip(record, text, store)
            assert row.status == "ok", row
    whole = clock.seconds.pop("all")
    clock.seconds["rest: other"] = whole - sum(clock.seconds.values())
    sizes = [path.stat().st_size for path in pathlib.Path(store.folder).rglob("*.zip")]
    return Cost(_each(clock, len(paths)), sum(sizes) // len(sizes))


def _each(clock: Clock, count: int) -> dict[str, float]:
    found = {name: 1000 * value / count for name, value in clock.seconds.items()}
    return dict(sorted(found.items(), key=lambda item: item[0].startswith("rest")))


# ----------------------------------------------------------------------------- plain


def plain(spec: FeatureSpec, paths: list[pathlib.Path], folder: pathlib.Path) -> Cost:
    """Computes the same features without this package, but for the network itself."""
    clock = Clock()
    [flow] = [f for f in spec.features if isinstance(f, Flow)]
    [grid] = [f for f in spec.features if isinstance(f, FrameGrid)]
    weights = loading.checked_weights(grid)
    model = registry.NETWORKS[grid.network].model(grid, weights)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    count, window = spec.sampling.frames, spec.sampling.window
    for number, path in enumerate([paths[0], *paths]):
        if number == 1:
            clock.seconds.clear()
        with clock.time("decode"):
            frames = []
            video = cv2.VideoCapture(str(path))
            while (read := video.read())[0]:
                frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
            keys = [(2 * n + 1) * len(frames) // (2 * count) for n in range(count)]
            pictures = [cv2.resize(frames[k], (grid.size,) * 2) for k in keys]
        with clock.time(f"network ({grid.network})"):
            maps = model.predict(np.stack(pictures).astype(np.float32), verbose=0)
        with clock.time("flow"):
            fields = []
            for key in keys:
                around = np.arange(window) + key - (window - 1) // 2
                scale = min(1.0, flow.max_side / max(frames[0].shape))
                grey = [
                    cv2.resize(
                        cv2.cvtColor(frames[i], cv2.COLOR_RGB2GRAY),
                        None,
                        fx=scale,
                        fy=scale,
                    )
                    for i in np.clip(around, 0, len(frames) - 1)
                ]
                for one, other in itertools.pairwise(grey):
                    field = dis.calc(one, other, None)
                    field = np.clip(field, -flow.clip, flow.clip) / flow.clip
                    fields.append(cv2.resize(field, (flow.size,) * 2))
        with clock.time("rest: save"):
            np.savez(folder / "plain.npz", maps=maps, flow=np.stack(fields))
    return Cost(_each(clock, len(paths)), (folder / "plain.npz").stat().st_size)


def print_costs(console: Console, costs: dict[str, Cost]) -> None:
    console.print("CPU milliseconds and stored bytes of a clip", style="bold")
    table = Table()
    table.add_column("stage")
    for name in costs:
        table.add_column(name, justify="right")
    names = dict.fromkeys(name for cost in costs.values() for name in cost.milliseconds)
    columns = [cost.milliseconds for cost in costs.values()]
    for name in sorted(names, key=lambda name: name.startswith("rest")):
        table.add_row(name, *(f"{c[name]:,.1f}" if name in c else "" for c in columns))
    totals = [sum(column.values()) for column in columns]
    rests = [
        sum(value for name, value in column.items() if name.startswith("rest"))
        for column in columns
    ]
    table.add_section()
    table.add_row("all", *(f"{total:,.1f}" for total in totals))
    shares = zip(rests, totals, strict=True)
    table.add_row("the rest's share", *(f"{rest / all_:.1%}" for rest, all_ in shares))
    table.add_row("bytes", *(f"{cost.size:,}" for cost in costs.values()))
    console.print(table)


# --------------------------------------------------------------------------- workers


class Job(NamedTuple):
    """Costs of a whole extraction: of the launching process and of its workers."""

    wall: float
    cpu: float
    worker_bytes: int  # the most that one of them held


def run_job(
    spec: FeatureSpec, paths: list[pathlib.Path], folder: pathlib.Path, workers: int
) -> Job:
    """Runs one extraction in a process of its own."""
    folder.mkdir()
    annotate(folder, paths)
    (folder / "spec.json").write_text(spec.to_json())
    command = [sys.executable, __file__, "--job", str(folder), str(workers)]
    began = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = time.monotonic() - began
    cpu, worker_bytes = done.stdout.split()
    return Job(wall, float(cpu), int(worker_bytes))


def job(folder: pathlib.Path, workers: int) -> None:
    """Does the work of `run_job`; one worker is this process, more are its children."""
    use_one_thread()
    extraction_job.extract(
        Jsonl(file=str(folder / "annotations.jsonl")),
        FeatureSpec.from_json((folder / "spec.json").read_text()),
        store=str(folder / "store"),
        out=str(folder / "out"),
        settings=ExtractionSettings(workers=workers),
    )
    own, others = map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    print(cpu, 1024 * others.ru_maxrss)


def print_workers(
    console: Console, paths: list[pathlib.Path], spec: FeatureSpec, folder: pathlib.Path
) -> None:
    flows = tuple(f for f in spec.features if isinstance(f, Flow))
    fair = loading.resolve(spec.replace(features=(*flows, RESNET)))
    one, two = (run_job(fair, paths, folder / f"job-{n}", n) for n in (1, 2))
    console.print(f"Extraction of {len(paths)} clips, flow and ResNet-50", style="bold")
    table = Table("processes", "wall s", "CPU s", "gain, wall", "gain, CPU")
    table.add_row("1", f"{one.wall:.1f}", f"{one.cpu:.1f}")
    # With a core to itself each process would take half of the work's CPU time.
    gains = one.wall / two.wall, 2 * one.cpu / two.cpu
    table.add_row(
        "2", f"{two.wall:.1f}", f"{two.cpu:.1f}", *(f"{g:.2f}" for g in gains)
    )
    console.print(table)


def print_memory(
    console: Console, paths: list[pathlib.Path], spec: FeatureSpec, folder: pathlib.Path
) -> None:
    found = run_job(spec, paths, folder / "memory", 2)
    console.print(
        f"A worker holds {found.worker_bytes / 1e9:.2f} GB at the most", style="bold"
    )


# ------------------------------------------------------------------------------ main


def specification(name: str, precision: Precision) -> FeatureSpec:
    """Returns a configuration's features, with random weights if none are at hand."""
    spec = LITE0 if name == "lite0" else configs.find(name).features

    def at_hand(feature: FrameGrid) -> FrameGrid:
        known = feature.weights in ("builtin", "packaged")
        weights = feature.weights if known else "random"
        return feature.replace(weights=weights, precision=precision)

    changed = tuple(
        at_hand(feature) if isinstance(feature, FrameGrid) else feature
        for feature in spec.features
    )
    return loading.resolve(spec.replace(features=changed))


def use_one_thread() -> None:
    """Limits threads, or CPU time would hold what they cost each other."""
    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--config", default="mgsa", help="whose features, or lite0")
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32"
    )
    parser.add_argument("--clips", type=int, default=5, help="of all parts but workers")
    parser.add_argument("--job-clips", type=int, default=200, help="of workers")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job(pathlib.Path(arguments.job[0]), int(arguments.job[1]))
        return
    use_one_thread()
    spec = specification(arguments.config, arguments.precision)
    console = Console(highlight=False)
    count = arguments.job_clips if "workers" in arguments.parts else arguments.clips
    with tempfile.TemporaryDirectory(prefix="kinescribe-") as name:
        folder = pathlib.Path(name)
        paths = render(folder / "clips", count)
        few = paths[: arguments.clips]
        rate = sum(os.path.getsize(p) for p in few) * 8 / SECONDS / len(few) / 1000
        console.print(f"{SECONDS} s clips of {rate:.0f} kbit/s, {arguments.config}")
        costs = {}
        if "stages" in arguments.parts:
            costs["Kinescribe"] = stages(spec, few, folder)
        if "plain" in arguments.parts:
            costs["plain"] = plain(spec, few, folder)
        if costs:
            print_costs(console, costs)
        if "workers" in arguments.parts:
            print_workers(console, paths, spec, folder)
        if "memory" in arguments.parts:
            print_memory(console, few, spec, folder)


if __name__ == "__main__":
    main()
