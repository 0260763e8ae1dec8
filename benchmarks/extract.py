"""What does extraction cost a clip, and from how many clips on do workers pay?

python benchmarks/extract.py                  # CPU time by part, demo's features
python benchmarks/extract.py mgsa --random-weights --clips 5
python benchmarks/extract.py --jobs 1 2 --clips 200     # whole Beam jobs
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from kinescribe.cli import quiet_frameworks

quiet_frameworks()

from pipeline import configs  # noqa: E402
from transform import (  # noqa: E402
    backbones,
    beam_jobs,
    extractors,
    feature_store,
    records,
    video_io,
)
from transform.annotations import Msrvtt  # noqa: E402
from transform.clip import Clip  # noqa: E402
from transform.extraction_settings import ExtractionSettings  # noqa: E402
from transform.moving_world import CorpusConfig, render_corpus  # noqa: E402
from transform.schema import FeatureSpec, FrameGrid  # noqa: E402


class Clock:
    """Adds up this process' CPU seconds by name."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] += time.process_time() - began


def by_part(spec: FeatureSpec, clips: list[pathlib.Path], store_folder: str) -> Clock:
    clock = Clock()
    made_by = {f.name: extractors.build(f, spec.sampling) for f in spec.features}
    requests = [request for made in made_by.values() for request in made.wanted()]
    store = feature_store.FeatureStore(store_folder, spec.content_hash)
    for number, path in enumerate([clips[0], *clips]):
        if number == 1:
            clock = Clock()  # the first clip only warmed up
        features = {}
        with clock.time("hash"):
            name = feature_store.clip_hash(str(path))
        with clock.time("decode"):
            frames = video_io.read_frames(path, spec.sampling, requests)
            clip = Clip(path, frames)
        for feature in spec.features:
            with clock.time(f"{feature.name} ({feature.kind})"):
                values = made_by[feature.name].extract(clip)
            if values is not None:
                features[feature.name] = values
        with clock.time("encode"):
            encoded = {
                key: records.encode_tensor(value, spec.tensor(key))
                for key, value in features.items()
            }
        with clock.time("store"):
            store.put(name, clip.info, encoded)
    return clock


def whole_job(
    spec: FeatureSpec, annotations: pathlib.Path, folder: str, workers: int
) -> tuple[float, float]:
    """Wall and CPU seconds, of this process and of its workers."""

    def cpu() -> float:
        own, others = (
            resource.getrusage(who)
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime

    wall, used = time.monotonic(), cpu()
    beam_jobs.extract(
        Msrvtt(files=[str(annotations)]),
        spec,
        store=f"{folder}/store",
        out=f"{folder}/out",
        settings=ExtractionSettings(workers=workers),
    )
    return time.monotonic() - wall, cpu() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="demo")
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--jobs", type=int, nargs="+", default=[], metavar="WORKERS")
    arguments = parser.parse_args()
    spec = configs.find(arguments.config).features
    if arguments.random_weights:
        changed = [
            f.replace(weights="random") if isinstance(f, FrameGrid) else f
            for f in spec.features
        ]
        spec = spec.replace(features=changed)
    spec = backbones.resolve(spec)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        corpus = render_corpus(
            CorpusConfig(train=arguments.clips, val=0, test=0), folder, workers=2
        )
        table = Table(title=f"{arguments.clips} clips, features of {arguments.config}")
        if arguments.jobs:
            for column in ("workers", "wall s", "CPU s"):
                table.add_column(column, justify="right")
            for workers in arguments.jobs:
                wall, cpu = whole_job(
                    spec, corpus.annotations, f"{folder}/{workers}", workers
                )
                table.add_row(str(workers), f"{wall:.1f}", f"{cpu:.1f}")
            wall, cpu = whole_job(
                spec, corpus.annotations, f"{folder}/{arguments.jobs[0]}", 0
            )
            table.add_row("nothing new", f"{wall:.1f}", f"{cpu:.1f}")
        else:
            table.add_column("part")
            table.add_column("CPU ms a clip", justify="right")
            clips = sorted(corpus.videos.glob("*.mp4"))
            seconds = by_part(spec, clips, folder).seconds
            for name, value in [*seconds.items(), ("all", sum(seconds.values()))]:
                table.add_row(name, f"{1000 * value / len(clips):.1f}")
        console.print(table)


if __name__ == "__main__":
    main()
