"""`ExtractFeatures`: puts clips' features into the store, and gives manifest rows."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import apache_beam as beam
import cv2
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transform.backbones.batching import ClipBatcher
from transform.common import failures, storage
from transform.common.errors import KinescribeError
from transform.datasets import VideoRecord
from transform.extractors.clip_extractor import Extractor
from transform.jobs.work_tracker import WorkTracker
from transform.records import example_codec, feature_store
from transform.records.feature_store import FeatureStore
from transform.records.manifest import ManifestRow
from transform.schema import FeatureSpec
from transform.video.video_info import DecodeError, VideoInfo

USABLE = "usable"
FAILED = "failed"

_PROCESS = uuid.uuid4().hex  # its id would not tell it from one of another container
_log = logging.getLogger(__name__)


class ExtractFeatures(beam.PTransform):
    """Extracts `VideoRecord`s into the store and gives a manifest row for each.

    The output tagged `FAILED` has the rows of clips that gave nothing. Each process has
    `clips_in_flight` clips in flight.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        store: FeatureStore,
        tracker: WorkTracker,
        clips_in_flight: int = 1,
    ):
        super().__init__()
        self._do = _ExtractClips(spec.to_json(), store, tracker, clips_in_flight)

    def expand(self, clips: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Applies the transform to the clips."""
        return (
            clips
            | "Spread" >> beam.Reshuffle()
            | "Extract" >> beam.ParDo(self._do).with_outputs(FAILED, main=USABLE)
        )


class _ExtractClips(beam.DoFn):
    """Extracts each clip in a thread; with one in flight, before the next comes."""

    def __init__(
        self,
        spec_json: str,
        store: FeatureStore,
        tracker: WorkTracker,
        clips_in_flight: int,
    ):
        self._spec_json = spec_json
        self._store = store
        self._tracker = tracker
        self._clips_in_flight = clips_in_flight
        self._launcher = _PROCESS

    def setup(self) -> None:
        if _PROCESS != self._launcher:  # one of several: a core each
            _use_one_thread()
        self._threads = ThreadPoolExecutor(self._clips_in_flight)
        self._begun: set[Future[_Done]] = set()

    def teardown(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def process(self, clip: VideoRecord) -> Iterator[Any]:
        self._begun.add(self._threads.submit(self._extract, clip))
        if len(self._begun) == self._clips_in_flight:
            done, self._begun = wait(self._begun, return_when=FIRST_COMPLETED)
            if any(future.exception() for future in done):
                wait(self._begun)  # the tracker should hold nothing when the job ends
            for future in done:
                yield _output(future.result())

    def finish_bundle(self) -> Iterator[Any]:
        done, self._begun = wait(self._begun).done, set()
        for future in done:
            found = _output(future.result())
            if isinstance(found, beam.pvalue.TaggedOutput):
                yield beam.pvalue.TaggedOutput(found.tag, _in_bundle(found.value))
            else:
                yield _in_bundle(found)

    def _extract(self, clip: VideoRecord) -> _Done:
        began = time.monotonic()
        with self._tracker.claim(clip):
            row = extract_clip(
                clip, self._spec_json, self._store, self._clips_in_flight
            )
        return _Done(row, round(1000 * (time.monotonic() - began)))


class _Done(NamedTuple):
    row: ManifestRow
    milliseconds: int


def _output(done: _Done) -> Any:
    """Counts a row, which only Beam's own threads may, and tags it."""
    row = done.row
    Metrics.counter("kinescribe", f"clips_{row.status}").inc()
    Metrics.counter("kinescribe", "packets_lost").inc(row.packets_lost)
    Metrics.distribution("kinescribe", "milliseconds").update(done.milliseconds)
    if row.usable:
        return row
    _log.info("clip %s: %s", row.video_id, row.reason)
    return beam.pvalue.TaggedOutput(FAILED, row)


def _in_bundle(row: ManifestRow) -> WindowedValue:
    """Wraps a row for the end of a bundle, where Beam needs its window."""
    window = GlobalWindow()
    return WindowedValue(row, window.max_timestamp(), (window,))


def extract_clip(
    clip: VideoRecord, spec_json: str, store: FeatureStore, clips_in_flight: int = 1
) -> ManifestRow:
    """Makes sure that the store has a clip, and returns the clip's row.

    What depends on a clip's content is remembered, a failure too. A missing file and
    an error of ours are met anew in the next run. With several clips in flight,
    networks run in batches of a fixed size, which calls from several threads share.
    """
    name = ""
    try:
        with storage.local_copy(clip.uri) as path:
            name = feature_store.clip_hash(path, clip.start, clip.end)
            info = store.info(name)
            if info is None:
                extractor = _extractor(spec_json, clips_in_flight)
                info = _extract_into(store, name, clip, path, extractor)
    except FileNotFoundError:
        info = VideoInfo.failed("there is no such file")
    except OSError as error:
        info = VideoInfo.failed(f"the file cannot be read: {failures.reason(error)}")
    return ManifestRow.of(clip, info, name)


def _extract_into(
    store: FeatureStore,
    name: str,
    clip: VideoRecord,
    path: str,
    extractor: Extractor | KinescribeError,
) -> VideoInfo:
    if isinstance(extractor, KinescribeError):
        return VideoInfo.failed(str(extractor).removesuffix("."))
    tensor = extractor.spec.tensor
    try:
        extraction = extractor.extract(path, clip.start, clip.end)
        info = extraction.info
        encoded = {
            key: example_codec.encode_tensor(value, tensor(key))
            for key, value in extraction.features.items()
        }
    except DecodeError as error:
        info, encoded = VideoInfo.failed(error.reason), {}
    except Exception as error:  # one clip never stops a run
        _log.exception("clip %s", clip.video_id)
        return VideoInfo.failed(f"{type(error).__name__}: {error}")
    store.put(name, info, encoded)
    return info


def _extractor(spec_json: str, clips_in_flight: int) -> Extractor | KinescribeError:
    """Returns the process' extractor; one that cannot be built is not tried again."""
    with _building:
        return _built(spec_json, clips_in_flight)


_building = threading.Lock()


@functools.cache
def _built(spec_json: str, clips_in_flight: int) -> Extractor | KinescribeError:
    batcher = ClipBatcher() if clips_in_flight > 1 else None
    try:
        return Extractor(FeatureSpec.from_json(spec_json), batcher)
    except KinescribeError as error:
        return error


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
    with contextlib.suppress(RuntimeError):  # another step of the job was first
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
