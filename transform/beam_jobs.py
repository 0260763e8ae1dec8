"""Beam jobs: annotated clips → the feature store → records.

Two jobs, since the second needs to know what became of every clip of the first:
`ExtractFeatures` puts into the store what is not there yet and gives the rows of the
manifest; `AssembleExamples` joins captions and stored features in TFRecord shards.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, repeat
from typing import Any, NamedTuple

import apache_beam as beam
import cv2
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions

from transform import (
    backbones,
    feature_store,
    progress,
    records,
    storage,
    video_io,
)
from transform.annotations import AnnotationSource, VideoRecord
from transform.annotations import read as read_annotations
from transform.errors import KinescribeError
from transform.extraction import Extractor
from transform.extraction_settings import ExtractionSettings
from transform.feature_store import FeatureStore
from transform.journal import Journal
from transform.manifest import Manifest, ManifestRow
from transform.records import VideoExample
from transform.schema import FeatureSpec
from transform.video_io import VideoInfo

USABLE = "usable"
FAILED = "failed"  # the tag of clips that gave nothing
SPEC_FILE = "feature_spec.json"
# A worker process costs seconds of imports before its first clip.
CLIPS_WORTH_A_WORKER = 100
ROWS_FOLDER = ".rows"
POLL_SECONDS = 0.5

_log = logging.getLogger(__name__)


def extract(
    source: AnnotationSource,
    spec: FeatureSpec,
    *,
    store: str,
    out: str,
    settings: ExtractionSettings,
    pipeline_options: Sequence[str] = (),
) -> Manifest:
    """Turns a corpus into records; only clips that the store lacks are decoded.

    Writes to `out`: `Split-<split>/data_tfrecord-…` for each split with a usable clip,
    `feature_spec.json`, `manifest.parquet` and `manifest.csv`. The same clips and
    captions give the same bytes, whatever the number of workers.

    Args:
        source: The annotations, and where the clips lie.
        spec: The features; the hashes of weights are filled in.
        store: Folder of the feature store, kept between runs.
        out: Folder of the records; shards that it holds are replaced.
        settings: How the extraction runs.
        pipeline_options: Beam options that `settings` wins over.

    Raises:
        AnnotationError: The annotations are wrong.
        WeightsError: A network's weights are not to be had.
        ManifestError: More clips failed than the settings allow.
    """
    clips = read_annotations(source)
    spec = backbones.resolve(spec)
    features = FeatureStore(store, spec.content_hash)
    job = _Job(out, settings, pipeline_options)

    rows = _extract_features(clips, spec, features, job)
    manifest = Manifest(rows)
    for reason, clips_lost in manifest.reasons():
        _log.warning("%d × %s", clips_lost, reason)
    manifest.check(settings.max_failure_ratio)

    shards = _shards(clips, manifest, settings.shards)
    with beam.Pipeline(options=job.options(0)) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "Assemble" >> AssembleExamples(spec, features, out)
        )
    _remove_other_files(out, {shard.path for shard in shards})
    places = {row.video_id: shard.path for shard in shards for _, row in shard.clips}
    manifest = Manifest(
        row._replace(shard=places.get(row.video_id, "")) for row in manifest.rows
    )
    storage.write(os.path.join(out, SPEC_FILE), spec.to_json().encode())
    manifest.write(out)
    _log.info("%s extracted to %s", manifest.coverage(), out)
    return manifest


# ------------------------------------------------------- clips → feature store


class ExtractFeatures(beam.PTransform):
    """`VideoRecord`s → manifest rows; usable clips are in the store afterwards.

    The output tagged `FAILED` has the rows of clips that gave nothing.
    """

    def __init__(self, spec: FeatureSpec, store: FeatureStore, journal: Journal):
        super().__init__()
        self._do = _ExtractClip(spec.to_json(), store, journal)

    def expand(self, clips: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Builds the job."""
        return (
            clips
            | "Spread" >> beam.Reshuffle()
            | "Extract" >> beam.ParDo(self._do).with_outputs(FAILED, main=USABLE)
        )


class _ExtractClip(beam.DoFn):
    def __init__(self, spec_json: str, store: FeatureStore, journal: Journal):
        self._spec_json = spec_json
        self._store = store
        self._journal = journal
        self._launcher = os.getpid()

    def setup(self) -> None:
        if os.getpid() != self._launcher:  # one of several: a core each
            _use_one_thread()

    def process(self, clip: VideoRecord) -> Iterator[Any]:
        began = time.monotonic()
        with self._journal.holding(clip):
            row = extract_clip(clip, self._spec_json, self._store)
        milliseconds = round(1000 * (time.monotonic() - began))
        Metrics.counter("kinescribe", f"clips_{row.status}").inc()
        Metrics.counter("kinescribe", "packets_lost").inc(row.packets_lost)
        Metrics.distribution("kinescribe", "milliseconds").update(milliseconds)
        if row.usable:
            yield row
        else:
            _log.info("clip %s: %s", row.video_id, row.reason)
            yield beam.pvalue.TaggedOutput(FAILED, row)


def extract_clip(clip: VideoRecord, spec_json: str, store: FeatureStore) -> ManifestRow:
    """Sees to it that the store has a clip, and says what became of it.

    What depends on a clip's content is remembered, a failure too. A missing file and
    an error of ours are met anew in the next run.
    """
    name = ""
    try:
        with storage.local_copy(clip.uri) as path:
            name = feature_store.clip_hash(path, clip.start, clip.end)
            info = store.info(name) or _extract_into(store, name, clip, path, spec_json)
    except FileNotFoundError:
        info = video_io.failed("there is no such file")
    except OSError as error:
        info = video_io.failed(f"the file cannot be read: {error.strerror}")
    return ManifestRow.of(clip, info, name)


def _extract_into(
    store: FeatureStore, name: str, clip: VideoRecord, path: str, spec_json: str
) -> VideoInfo:
    extractor = _extractor(spec_json)
    if isinstance(extractor, KinescribeError):
        return video_io.failed(str(extractor).removesuffix("."))
    tensor = extractor.spec.tensor
    try:
        info, features, _ = extractor.extract(path, clip.start, clip.end)
        encoded = {
            key: records.encode_tensor(value, tensor(key))
            for key, value in features.items()
        }
    except video_io.DecodeError as error:
        info, encoded = video_io.failed(error.reason), {}
    except Exception as error:  # one clip never stops a run
        _log.exception("clip %s", clip.video_id)
        return video_io.failed(f"{type(error).__name__}: {error}")
    store.put(name, info, encoded)
    return info


@functools.cache
def _extractor(spec_json: str) -> Extractor | KinescribeError:
    """One a process; what cannot be built is not tried again for every clip."""
    try:
        return Extractor(FeatureSpec.from_json(spec_json))
    except KinescribeError as error:
        return error


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
    with contextlib.suppress(RuntimeError):  # another step of the job was first
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _extract_features(
    clips: list[VideoRecord], spec: FeatureSpec, store: FeatureStore, job: _Job
) -> list[ManifestRow]:
    """Runs the first job for what the store lacks, until no clip ends a process."""
    rows, missing = _look_up(clips, store)
    known = len(rows)
    folder = os.path.join(job.out, ROWS_FOLDER)
    with (
        tempfile.TemporaryDirectory(prefix="kinescribe-") as journals,
        progress.shown("Extracting clips", len(clips)) as report,
    ):
        report(known)
        for attempt in count():
            if not missing:
                break
            journal = Journal(os.path.join(journals, str(attempt)))
            storage.remove(folder)
            try:
                with (
                    _watched(journal, lambda done: report(known + done)),
                    beam.Pipeline(options=job.options(len(missing))) as pipeline,
                ):
                    found = (
                        pipeline
                        | "Clips" >> beam.Create(missing)
                        | "Features" >> ExtractFeatures(spec, store, journal)
                    )
                    _ = (
                        (found[USABLE], found[FAILED])
                        | "Together" >> beam.Flatten()
                        | "ToJson" >> beam.Map(json.dumps)
                        | "Rows" >> beam.io.WriteToText(os.path.join(folder, "rows"))
                    )
            except Exception:
                orphans = journal.orphans()
                if not orphans:
                    raise
                for clip in orphans:
                    _extract_alone(clip, spec, store)
            else:
                break
    for name in storage.names_in(folder):
        with tf.io.gfile.GFile(os.path.join(folder, name)) as file:
            rows.extend(ManifestRow(*json.loads(line)) for line in file)
    storage.remove(folder)
    return rows


def _look_up(
    clips: list[VideoRecord], store: FeatureStore
) -> tuple[list[ManifestRow], list[VideoRecord]]:
    """The rows of clips that are in the store, and the clips to be looked at.

    Reading a file costs a hundredth of decoding it, so that a job with nothing new
    starts no worker. Clips on other machines are left to the workers.
    """
    here = [clip for clip in clips if "://" not in clip.uri]
    with ThreadPoolExecutor(max_workers=_cores()) as threads:
        rows = [row for row in threads.map(_stored_row, here, repeat(store)) if row]
    there = {row.video_id for row in rows}
    return rows, [clip for clip in clips if clip.video_id not in there]


def _stored_row(clip: VideoRecord, store: FeatureStore) -> ManifestRow | None:
    try:
        name = feature_store.clip_hash(clip.uri, clip.start, clip.end)
    except OSError:
        return None
    info = store.info(name)
    return ManifestRow.of(clip, info, name) if info else None


def _extract_alone(clip: VideoRecord, spec: FeatureSpec, store: FeatureStore) -> None:
    """Extracts a clip in a process of its own; one that ends the process has failed.

    A worker that dies takes clips of others with it, so the guilty one is found here.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=extract_clip, args=(clip, spec.to_json(), store)
    )
    process.start()
    process.join()
    if process.exitcode:
        reason = f"decoding it ends the process (exit code {process.exitcode})"
        with storage.local_copy(clip.uri) as path:
            name = feature_store.clip_hash(path, clip.start, clip.end)
        store.put(name, video_io.failed(reason), {})


@contextlib.contextmanager
def _watched(journal: Journal, report: Callable[[int], None]) -> Iterator[None]:
    """Reports the journal's count while the block runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            report(journal.finished())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        report(journal.finished())


# ------------------------------------------------------------- store → records


class Shard(NamedTuple):
    """One file of records: its path below the artifact's root, and what goes in."""

    path: str
    clips: list[tuple[VideoRecord, ManifestRow]]  # by video id


class AssembleExamples(beam.PTransform):
    """`Shard`s → the paths of TFRecord files below `out`, uncompressed.

    Each file is there whole or not at all.
    """

    def __init__(self, spec: FeatureSpec, store: FeatureStore, out: str):
        super().__init__()
        self._do = _WriteShard(spec.to_json(), store, out)

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Builds the job."""
        return shards | "Spread" >> beam.Reshuffle() | "Write" >> beam.ParDo(self._do)


class _WriteShard(beam.DoFn):
    def __init__(self, spec_json: str, store: FeatureStore, out: str):
        self._spec_json = spec_json
        self._store = store
        self._out = out

    def process(self, shard: Shard) -> Iterator[str]:
        spec = FeatureSpec.from_json(self._spec_json)
        with (
            storage.replacing(os.path.join(self._out, shard.path)) as path,
            tf.io.TFRecordWriter(path) as file,
        ):
            for clip, row in shard.clips:
                video = VideoExample(
                    video_id=clip.video_id,
                    captions=clip.captions,
                    features={},
                    category=clip.category,
                    clip_length=records.length_bucket(row.seconds),
                    clip_hash=row.clip_hash,
                )
                stored = self._store.get(row.clip_hash)
                example = records.to_example(video, spec, encoded=stored.features)
                file.write(example.SerializeToString(deterministic=True))
        Metrics.counter("kinescribe", "records").inc(len(shard.clips))
        yield shard.path


def _shards(clips: list[VideoRecord], manifest: Manifest, files: int) -> list[Shard]:
    """Deals a split's usable clips out to files, evenly and by their ids alone."""
    by_id = {clip.video_id: clip for clip in clips}
    shards = []
    for split in manifest.splits():
        rows = [row for row in manifest.rows if row.usable and row.split == split]
        dealt = sorted(rows, key=lambda row: _id_hash(row.video_id))
        total = min(files, len(rows))
        for index in range(total):
            path = f"Split-{split}/data_tfrecord-{index:05d}-of-{total:05d}"
            members = sorted(dealt[index::total])
            shards.append(Shard(path, [(by_id[row.video_id], row) for row in members]))
    return shards


def _id_hash(video_id: str) -> bytes:
    return hashlib.sha256(video_id.encode()).digest()


def _remove_other_files(out: str, shards: set[str]) -> None:
    """Clears the splits of shards that an earlier run left."""
    for folder in storage.names_in(out):
        if not folder.startswith("Split-"):
            continue
        paths = {f"{folder}/{n}" for n in storage.names_in(os.path.join(out, folder))}
        for path in paths - shards:
            tf.io.gfile.remove(os.path.join(out, path))
        if not paths & shards:
            tf.io.gfile.rmtree(os.path.join(out, folder))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class _Job(NamedTuple):
    """Where a job writes and how Beam runs it."""

    out: str
    settings: ExtractionSettings
    pipeline_options: Sequence[str]

    def options(self, clips: int) -> PipelineOptions:
        """Beam's options for so many clips to decode; 0 for light work."""
        workers = min(_cores(), clips // CLIPS_WORTH_A_WORKER)
        if clips and self.settings.workers:
            workers = self.settings.workers
        mode = "multi_processing" if workers > 1 else "in_memory"
        return PipelineOptions(
            [
                *self.pipeline_options,
                f"--direct_running_mode={mode}",
                f"--direct_num_workers={max(1, workers)}",
                *self.settings.beam_options,
            ]
        )
