"""Datasets of TFRecord files: what they hold, in order and at random."""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_models.structs import VideoBatch
from transform import schema
from transform.common import storage
from transform.common.errors import DataError
from transform.records import example_codec, tfrecords
from transform.records.tokenizers import Tokenizer, Words
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

MEMORY_BYTES = 1 << 30  # clips stay in memory up to here, decoded if that fits
_PARSED_AT_ONCE = 16  # records
_RECORD_HEADER, _RECORD_FOOTER = 12, 4  # bytes around a record of a TFRecord file


ClipReader = Callable[[tf.Tensor], VideoBatch]


class RecordInfo(NamedTuple):
    """The contents of a record other than its features."""

    video_id: str
    captions: tuple[str, ...]
    category: str


class _Extent(NamedTuple):
    """Where a record's bytes are."""

    file: str
    offset: int
    length: int


class RecordDataset:
    """The records of TFRecord files that have one feature specification.

    Args:
        files: Paths, or patterns of the names in a folder, as in `records/train/*`.
        spec: What the features have to be made by.

    Raises:
        DataError: No file fits, or one cannot be read.
        SpecMismatchError: A file's features are made by another specification.
    """

    def __init__(self, files: Iterable[str | pathlib.Path], spec: FeatureSpec):
        self.files = expand(files)
        self.spec = spec
        for file in self.files:
            _check_first_record(file, spec)

    @functools.cached_property
    def clips(self) -> tuple[RecordInfo, ...]:
        """The identity, captions and category of every record, in the files' order."""
        return tuple(clip for clip, _ in self._scanned)

    @functools.cached_property
    def _scanned(self) -> list[tuple[RecordInfo, _Extent]]:
        scanned: list[tuple[RecordInfo, _Extent]] = []
        for file in self.files:
            try:
                scanned.extend(_scan(file))
            except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
                raise DataError(
                    f"{file} is broken after {len(scanned)} clips: extract it again."
                ) from error
        if not scanned:
            raise DataError(f"{', '.join(self.files)} hold no clip.")
        return scanned

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        """The captions by video id, of the clips that have any."""
        return {clip.video_id: clip.captions for clip in self.clips if clip.captions}

    def vocabulary(
        self, min_count: int = 1, tokenizer: Tokenizer | None = None
    ) -> Vocabulary:
        """Returns the words that the captions have `min_count` times or more."""
        return Vocabulary.from_captions(
            (caption for captions in self.references.values() for caption in captions),
            min_count,
            tokenizer or Words(),
        )

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen hex digits that identify clips, captions and sizes of files."""
        content = json.dumps([self.stored_bytes, self.clips])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @functools.cached_property
    def stored_bytes(self) -> int:
        """The size of all files together, in bytes."""
        return sum(tf.io.gfile.stat(file).length for file in self.files)

    def serialized(self) -> Iterator[bytes]:
        """Yields the serialized records one by one, in the files' order."""
        return self._dataset().as_numpy_iterator()

    def _dataset(self) -> tf.data.Dataset:
        return tfrecords.records_of(list(self.files))

    def videos(
        self, batch_size: int, features: Collection[str], clips: int | None = None
    ) -> tf.data.Dataset:
        """Returns `VideoBatch`es in the files' order, of at most `clips` clips."""

        def parse(serialized: tf.Tensor) -> VideoBatch:
            return self._parse(serialized, features)

        dataset = self._dataset().take(-1 if clips is None else clips)
        batches = dataset.batch(batch_size)
        return batches.map(parse, tfrecords.PARALLEL_CALLS).prefetch(2)

    def clip_reader(
        self, features: Collection[str], memory_bytes: int = MEMORY_BYTES
    ) -> ClipReader:
        """Returns a function from (B,) int64 places among `clips` to those clips.

        What fits into `memory_bytes` is read from the files once: the clips' decoded
        features, else their records. All else is read and decoded at every call.
        """
        if self.decoded_bytes() <= memory_bytes:
            return self._decoded_reader(features)
        records = None
        if self.stored_bytes <= memory_bytes:
            records = list(self.serialized())

        @tf.autograph.experimental.do_not_convert
        def read(rows: np.ndarray) -> np.ndarray:
            if records is None:
                return np.array([self._read_record(row) for row in rows], object)
            return np.array([records[row] for row in rows], object)

        def read_clips(rows: tf.Tensor) -> VideoBatch:
            serialized = tf.numpy_function(read, [rows], tf.string, stateful=False)
            return self._parse(tf.ensure_shape(serialized, rows.shape), features)

        return read_clips

    def _decoded_reader(self, features: Collection[str]) -> ClipReader:
        # NumPy's arrays are not copied when an epoch begins, as tensors that a dataset
        # captures are.
        videos = self.videos(_PARSED_AT_ONCE, features)
        specs = tf.nest.flatten(videos.element_spec)
        clips = [
            clip
            for batch in videos
            for clip in zip(*map(np.asarray, tf.nest.flatten(batch)), strict=True)
        ]

        @tf.autograph.experimental.do_not_convert
        def read(rows: np.ndarray) -> list[np.ndarray]:
            return [
                np.stack(values)
                for values in zip(*(clips[row] for row in rows), strict=True)
            ]

        def read_clips(rows: tf.Tensor) -> VideoBatch:
            dtypes = [spec.dtype for spec in specs]
            values = tf.numpy_function(read, [rows], dtypes, stateful=False)
            values = [
                tf.ensure_shape(value, [*rows.shape, *spec.shape[1:]])
                for value, spec in zip(values, specs, strict=True)
            ]
            return tf.nest.pack_sequence_as(videos.element_spec, values)

        return read_clips

    def _read_record(self, row: int) -> bytes:
        _, extent = self._scanned[row]
        with tf.io.gfile.GFile(extent.file, "rb") as file:
            file.seek(extent.offset)
            return file.read(extent.length)

    def _parse(self, serialized: tf.Tensor, features: Collection[str]) -> VideoBatch:
        parsed = example_codec.parse(serialized, self.spec)
        return VideoBatch(
            parsed.video_id,
            {name: parsed.features[name] for name in features},
            {name: parsed.masks[name] for name in features},
        )

    def decoded_bytes(self) -> int:
        """Returns an upper bound of the bytes of all clips' decoded features."""
        return len(self.clips) * self.spec.bytes_per_clip()


def expand(files: Iterable[str | pathlib.Path]) -> tuple[str, ...]:
    """Returns the sorted paths of existing files; `DataError` if a pattern has none."""
    paths: set[str] = set()
    for pattern in map(str, files):
        matches = _matches(pattern)
        if not matches:
            raise DataError(f"no records at {pattern}.")
        paths.update(matches)
    if not paths:
        raise DataError("no records were given.")
    return tuple(sorted(paths))


def _matches(pattern: str) -> list[str]:
    """Returns the paths that fit a pattern; only the last part may have wildcards."""
    if tf.io.gfile.exists(pattern):
        return [pattern]
    folder, name = os.path.split(pattern)
    names = fnmatch.filter(storage.names_in(folder), name)
    return [os.path.join(folder, name) for name in names]


def _check_first_record(file: str, spec: FeatureSpec) -> None:
    try:
        first = next(tfrecords.records_of(file).take(1).as_numpy_iterator(), None)
    except tf.errors.OpError as error:
        raise DataError(f"{file} is not a TFRecord file that can be read.") from error
    if first is None:  # an empty shard is no mistake
        return
    parsed = tf.io.parse_single_example(
        first, {schema.SPEC_HASH: tf.io.FixedLenFeature([], tf.string, "")}
    )
    example_codec.check_spec_hash(parsed[schema.SPEC_HASH].numpy().decode(), spec, file)


def _scan(file: str) -> Iterator[tuple[RecordInfo, _Extent]]:
    """Yields what a file's records hold besides features, and where they are."""
    columns = {
        schema.VIDEO_ID: tf.io.FixedLenFeature([], tf.string, ""),
        schema.CAPTIONS: tf.io.RaggedFeature(tf.string),
        schema.CATEGORY: tf.io.FixedLenFeature([], tf.string, ""),
    }

    def parse(records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        return tf.io.parse_example(records, columns), tf.strings.length(records)

    offset = 0
    for batch, lengths in tfrecords.records_of(file).batch(64).map(parse):
        for video_id, captions, category, length in zip(
            batch[schema.VIDEO_ID].numpy(),
            batch[schema.CAPTIONS].to_list(),
            batch[schema.CATEGORY].numpy(),
            lengths.numpy().tolist(),
            strict=True,
        ):
            texts = tuple(caption.decode() for caption in captions)
            if not all(text.strip() for text in texts):
                raise DataError(
                    f"{file}: clip {video_id.decode()} has an empty caption; leave it "
                    "out of the annotations and extract again."
                )
            extent = _Extent(file, offset + _RECORD_HEADER, length)
            yield RecordInfo(video_id.decode(), texts, category.decode()), extent
            offset = extent.offset + length + _RECORD_FOOTER
