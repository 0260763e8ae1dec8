"""Datasets of TFRecord files: batches of clips, the same ones at every run."""

from __future__ import annotations

import collections
import fnmatch
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_models.structs import TrainingBatch, VideoBatch
from transform import schema
from transform.common import storage
from transform.common.errors import DataError
from transform.records import example_codec
from transform.records import vocabulary as words
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

MEMORY_BYTES = 1 << 30  # clips stay in memory up to here, decoded if that fits
SHUFFLE_BYTES = 256 << 20  # buffer for shuffling records that do not
PARSED_AT_ONCE = 16  # records
KNOWN_WORDS = 0.5  # share of the captions' words, below which a vocabulary is wrong


class RecordInfo(NamedTuple):
    """The contents of a record other than its features."""

    video_id: str
    captions: tuple[str, ...]
    category: str


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
        clips: list[RecordInfo] = []
        for file in self.files:
            try:
                clips.extend(_clips_of(file))
            except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
                raise DataError(
                    f"{file} is broken after {len(clips)} clips: extract it again."
                ) from error
        if not clips:
            raise DataError(f"{', '.join(self.files)} hold no clip.")
        return tuple(clips)

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        """The captions by video id, of the clips that have any."""
        return {clip.video_id: clip.captions for clip in self.clips if clip.captions}

    def vocabulary(self, min_count: int = 1) -> Vocabulary:
        """Returns the words that the captions have `min_count` times or more."""
        return Vocabulary.from_captions(
            (caption for captions in self.references.values() for caption in captions),
            min_count,
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

    def dataset(self, files: Sequence[str] | None = None) -> tf.data.Dataset:
        """Returns the serialized records of `files`, by default of all."""
        return tf.data.TFRecordDataset(list(files or self.files))

    def serialized(self) -> Iterator[bytes]:
        """Yields the serialized records one by one, in the files' order."""
        return self.dataset().as_numpy_iterator()

    def videos(
        self, batch_size: int, features: Collection[str], clips: int | None = None
    ) -> tf.data.Dataset:
        """Returns `VideoBatch`es in the files' order, of at most `clips` clips."""

        def parse(serialized: tf.Tensor) -> VideoBatch:
            return _video(example_codec.parse(serialized, self.spec), features)

        dataset = self.dataset().take(-1 if clips is None else clips)
        return dataset.batch(batch_size).map(parse, tf.data.AUTOTUNE).prefetch(2)

    def decoded_bytes(self) -> int:
        """Returns an upper bound of the bytes of all clips' decoded features."""
        return len(self.clips) * self.spec.bytes_per_clip()


class TrainingBatches:
    """Batches for training, all randomness of which follows from seed and epoch.

    Args:
        source: The training split; clips without captions are left out.
        vocabulary: Encodes the captions as ids.
        features: Names of the features that the model reads.
        batch_size: Clips a batch; those that do not fill a batch are left out of the
            epoch.
        captions_per_clip: K; drawn afresh for each epoch, without repetition where a
            clip has K or more.
        max_words: Longer captions are cut.
        seed: Decides the order and the captions of every epoch.
        memory_bytes: Records are kept in memory up to this size.
    """

    def __init__(
        self,
        source: RecordDataset,
        vocabulary: Vocabulary,
        features: Collection[str],
        *,
        batch_size: int,
        captions_per_clip: int,
        max_words: int,
        seed: int,
        memory_bytes: int = MEMORY_BYTES,
    ):
        usable = len(source.references)
        if not usable:
            raise DataError(f"no clip of {', '.join(source.files)} has a caption.")
        _check_vocabulary(source, vocabulary)
        self._source = source
        self._vocabulary = vocabulary
        self._features = tuple(features)
        self._captions_per_clip = captions_per_clip
        self._max_words = max_words
        self._seed = seed
        self._memory_bytes = memory_bytes
        self.batch_size = min(batch_size, usable)
        self.steps_per_epoch = usable // self.batch_size

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns the `TrainingBatch`es of one epoch, from batch `first_step` on."""
        random = np.random.default_rng([self._seed, epoch])
        dataset, buffer = self._clips(random)
        order, key = (int(value) for value in random.integers(1 << 31, size=2))
        dataset = dataset.shuffle(buffer, seed=order, reshuffle_each_iteration=False)
        batches = dataset.batch(self.batch_size, drop_remainder=True).enumerate()

        def finish(step: tf.Tensor, clips: tf.Tensor | _Parsed) -> TrainingBatch:
            parsed = clips if isinstance(clips, _Parsed) else self._parse(clips)
            return self._training_batch(parsed, tf.stack([key, step]))

        finished = batches.skip(first_step).map(finish, tf.data.AUTOTUNE)
        return finished.prefetch(2)

    def _clips(self, random: np.random.Generator) -> tuple[tf.data.Dataset, int]:
        """Returns the clips in order, and the size of the buffer to shuffle them."""
        source = self._source
        count = len(source.clips)
        if source.decoded_bytes() <= self._memory_bytes:
            return self._decoded, count
        if source.stored_bytes <= self._memory_bytes:
            return self._serialized, count
        files = [str(file) for file in random.permutation(source.files)]
        buffer = max(self.batch_size, count * SHUFFLE_BYTES // source.stored_bytes)
        return self._captioned(source.dataset(files)), buffer

    @functools.cached_property
    def _decoded(self) -> tf.data.Dataset:
        serialized = self._captioned(self._source.dataset()).batch(PARSED_AT_ONCE)
        return serialized.map(self._parse, tf.data.AUTOTUNE).unbatch().cache()

    @functools.cached_property
    def _serialized(self) -> tf.data.Dataset:
        return self._captioned(self._source.dataset()).cache()

    def _captioned(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        if all(clip.captions for clip in self._source.clips):
            return dataset
        return dataset.filter(_has_captions)

    def _parse(self, serialized: tf.Tensor) -> _Parsed:
        parsed = example_codec.parse(serialized, self._source.spec)
        return _Parsed(_video(parsed, self._features), parsed.captions)

    def _training_batch(self, parsed: _Parsed, seed: tf.Tensor) -> TrainingBatch:
        chosen = draw_captions(parsed.captions, self._captions_per_clip, seed)  # (B, K)
        tokens = self._vocabulary.encode(chosen, self._max_words)  # (B, K, L)
        return TrainingBatch(parsed.video, tokens)


class _Parsed(NamedTuple):
    video: VideoBatch
    captions: tf.RaggedTensor  # (B, None) string


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


def draw_captions(captions: tf.RaggedTensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws (B, `count`) of (B, None) captions, in random order.

    A clip with fewer captions than `count` gives all of them, then the same again.
    """
    dense = captions.to_tensor("")  # (B, N)
    available = tf.cast(captions.row_lengths(), tf.int32)[:, tf.newaxis]  # (B, 1)
    present = tf.range(tf.shape(dense)[1])[tf.newaxis] < available
    keys = tf.random.stateless_uniform(tf.shape(dense), seed)
    order = tf.argsort(
        tf.where(present, keys, 2.0), axis=1
    )  # (B, N), present ones first
    chosen = tf.range(count)[tf.newaxis] % available  # (B, K)
    order = tf.gather(order, chosen, batch_dims=1)
    return tf.gather(dense, order, batch_dims=1)


def _video(parsed: example_codec.ParsedBatch, features: Collection[str]) -> VideoBatch:
    return VideoBatch(
        parsed.video_id,
        {name: parsed.features[name] for name in features},
        {name: parsed.masks[name] for name in features},
    )


def _has_captions(serialized: tf.Tensor) -> tf.Tensor:
    parsed = tf.io.parse_single_example(
        serialized, {schema.CAPTIONS: tf.io.VarLenFeature(tf.string)}
    )
    return tf.size(parsed[schema.CAPTIONS].values) > 0


def _check_first_record(file: str, spec: FeatureSpec) -> None:
    try:
        first = next(tf.data.TFRecordDataset(file).take(1).as_numpy_iterator(), None)
    except tf.errors.OpError as error:
        raise DataError(f"{file} is not a TFRecord file that can be read.") from error
    if first is None:  # an empty shard is no mistake
        return
    parsed = tf.io.parse_single_example(
        first, {schema.SPEC_HASH: tf.io.FixedLenFeature([], tf.string, "")}
    )
    example_codec.check_spec_hash(parsed[schema.SPEC_HASH].numpy().decode(), spec, file)


def _clips_of(file: str) -> Iterator[RecordInfo]:
    columns = {
        schema.VIDEO_ID: tf.io.FixedLenFeature([], tf.string, ""),
        schema.CAPTIONS: tf.io.RaggedFeature(tf.string),
        schema.CATEGORY: tf.io.FixedLenFeature([], tf.string, ""),
    }
    dataset = tf.data.TFRecordDataset(file).batch(64)
    for batch in dataset.map(lambda batch: tf.io.parse_example(batch, columns)):
        for video_id, captions, category in zip(
            batch[schema.VIDEO_ID].numpy(),
            batch[schema.CAPTIONS].to_list(),
            batch[schema.CATEGORY].numpy(),
            strict=True,
        ):
            texts = tuple(caption.decode() for caption in captions)
            if not all(text.strip() for text in texts):
                raise DataError(
                    f"{file}: clip {video_id.decode()} has an empty caption; leave it "
                    "out of the annotations and extract again."
                )
            yield RecordInfo(video_id.decode(), texts, category.decode())


def _check_vocabulary(source: RecordDataset, vocabulary: Vocabulary) -> None:
    """Raises `DataError` if the vocabulary was made from other captions."""
    captions = [text for texts in source.references.values() for text in texts]
    counts = collections.Counter(words.split(tf.constant(captions)).flat_values.numpy())
    known = {word.encode() for word in vocabulary.words}
    unknown = [word for word, _ in counts.most_common() if word not in known]
    share = 1 - sum(counts[word] for word in unknown) / max(1, counts.total())
    if share < KNOWN_WORDS:
        examples = ", ".join(word.decode() for word in unknown[:3])
        raise DataError(
            f"the vocabulary does not match the records: it knows {share:.0%} of the "
            f"words of the captions in {', '.join(source.files)}, and not {examples}; "
            "name the one that was made from them."
        )
