"""`AssembleExamples`: captions and stored features as shards of TFRecords."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics

from transform.common import storage
from transform.datasets import VideoRecord
from transform.jobs.import_features import import_again, imported, reads_video
from transform.records import clip_numbers, example_codec
from transform.records.dataset import DESCRIPTIONS, ExtractedDataset
from transform.records.example_codec import VideoExample
from transform.records.feature_store import FeatureStore
from transform.records.manifest import Manifest, ManifestRow
from transform.schema import FeatureSpec


class Shard(NamedTuple):
    """One file of records: its path below the artifact's root, and its clips."""

    path: str
    clips: list[tuple[VideoRecord, ManifestRow]]  # by video id


class AssembleExamples(beam.PTransform):
    """Writes `Shard`s as TFRecord files below `out`, uncompressed; gives their paths.

    Each file is there whole or not at all.
    """

    def __init__(self, spec: FeatureSpec, store: FeatureStore, out: str):
        super().__init__()
        self._do = _WriteShard(spec.to_json(), store, out)

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Applies the transform to the shards."""
        return shards | "Spread" >> beam.Reshuffle() | "Write" >> beam.ParDo(self._do)


class AssembleShared(beam.PTransform):
    """Writes `Shard`s below `out` as `AssembleExamples` does, and what describes them.

    Beside each file lies `<file>.descriptions` with the same records, numbers about
    each clip in place of its features: a thousandth of the bytes. It is written last:
    with it, both are whole.
    """

    def __init__(self, spec: FeatureSpec, store: FeatureStore, out: str):
        super().__init__()
        self._do = _WriteDescribedShard(spec.to_json(), store, out)

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Applies the transform to the shards."""
        return shards | "Spread" >> beam.Reshuffle() | "Write" >> beam.ParDo(self._do)


class _WriteShard(beam.DoFn):
    def __init__(self, spec_json: str, store: FeatureStore, out: str):
        self._spec_json = spec_json
        self._store = store
        self._out = out

    def process(self, shard: Shard) -> Iterator[str]:
        _write(os.path.join(self._out, shard.path), self._examples(shard))
        Metrics.counter("kinescribe", "records").inc(len(shard.clips))
        yield shard.path

    def _examples(self, shard: Shard) -> Iterator[tf.train.Example]:
        spec = FeatureSpec.from_json(self._spec_json)
        imports = imported(spec)
        from_video = reads_video(spec)
        for clip, row in shard.clips:
            video = VideoExample(
                video_id=clip.video_id,
                captions=clip.captions,
                features={},
                category=clip.category,
                clip_length=_length(row),
                clip_hash=row.clip_hash,
                labels=clip.labels,
            )
            encoded = import_again(clip, imports)
            if from_video:
                encoded |= self._store.get(row.clip_hash).features
            yield example_codec.to_example(video, spec, encoded=encoded)


class _WriteDescribedShard(_WriteShard):
    def process(self, shard: Shard) -> Iterator[str]:
        spec = FeatureSpec.from_json(self._spec_json)
        descriptions: list[tf.train.Example] = []

        def described() -> Iterator[tf.train.Example]:
            examples = self._examples(shard)
            for example, (clip, row) in zip(examples, shard.clips, strict=True):
                yield example
                encoded = {}
                for tensor in spec.tensors():
                    if feature := example.features.feature.pop(tensor.name, None):
                        encoded[tensor.name] = feature.bytes_list.value[0]
                found = clip_numbers.numbers(row, clip.captions, encoded, spec)
                clip_numbers.describe(example, found)
                descriptions.append(example)

        path = os.path.join(self._out, shard.path)
        _write(path, described())
        _write(path + DESCRIPTIONS, descriptions)
        Metrics.counter("kinescribe", "records").inc(len(shard.clips))
        yield shard.path


def _write(path: str, examples: Iterable[tf.train.Example]) -> None:
    with (
        storage.replacing(path) as temporary,
        tf.io.TFRecordWriter(temporary) as file,
    ):
        for example in examples:
            file.write(example.SerializeToString(deterministic=True))


def _length(row: ManifestRow) -> str:
    known = row.frames or row.seconds
    return example_codec.length_bucket(row.seconds) if known else "unknown"


def assign_shards(
    clips: list[VideoRecord], manifest: Manifest, files: int
) -> list[Shard]:
    """Assigns each split's usable clips to files, evenly and by their ids alone."""
    by_id = {clip.video_id: clip for clip in clips}
    shards = []
    for split in manifest.splits():
        rows = [row for row in manifest.rows if row.usable and row.split == split]
        dealt = sorted(rows, key=lambda row: id_hash(row.video_id))
        total = min(files, len(rows))
        for index in range(total):
            path = ExtractedDataset.shard_path(split, index, total)
            members = sorted(dealt[index::total])
            shards.append(Shard(path, [(by_id[row.video_id], row) for row in members]))
    return shards


def id_hash(video_id: str) -> bytes:
    """Returns what a clip is dealt by, which depends on its id alone."""
    return hashlib.sha256(video_id.encode()).digest()
