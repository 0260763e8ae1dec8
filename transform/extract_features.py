"""`ExtractFeatures`: clips → the feature store, and a row of the manifest for each."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import cv2
import tensorflow as tf
from apache_beam.metrics import Metrics

from transform import feature_store, records, storage, video_io
from transform.annotations import VideoRecord
from transform.errors import KinescribeError
from transform.extraction import Extractor
from transform.feature_store import FeatureStore
from transform.journal import Journal
from transform.manifest import ManifestRow
from transform.schema import FeatureSpec
from transform.video_io import VideoInfo

USABLE = "usable"
FAILED = "failed"

_PROCESS = uuid.uuid4().hex  # its id would not tell it from one of another container
_log = logging.getLogger(__name__)


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
        self._launcher = _PROCESS

    def setup(self) -> None:
        if _PROCESS != self._launcher:  # one of several: a core each
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
