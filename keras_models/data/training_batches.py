"""Batches for training, all randomness of which follows from seed and epoch."""

from __future__ import annotations

import collections
import functools
from collections.abc import Collection
from typing import Annotated, Literal, NamedTuple, Union

import numpy as np
import tensorflow as tf

from keras_models.data.records import MEMORY_BYTES, ClipReader, RecordDataset
from keras_models.structs import TrainingBatch
from transform.common.config import BY_KIND, Config, Field
from transform.common.errors import DataError
from transform.records import tfrecords
from transform.records.vocabulary import PAD, Vocabulary

KNOWN_WORDS = 0.5  # share of the captions' words, below which a vocabulary is wrong


class Examples(NamedTuple):
    """The clips of an epoch, in order, with the captions that are learned from.

    All captions of a dataset lie one after the other, clip by clip, and are counted
    from 1; 0 stands for no caption.
    """

    clips: np.ndarray  # (N,) int64 places in the dataset
    captions: np.ndarray  # (N, K) int64


class PairBatches(Config):
    """Batches of (video, sentence) pairs; an epoch is one pass over all of them.

    This is what papers count: MSR-VTT's 130,260 pairs are 4,070 batches of 32. A clip
    comes as often as it has captions.
    """

    kind: Literal["pairs"] = "pairs"
    size: int = Field(32, ge=1)  # pairs of a batch

    def draw(self, counts: np.ndarray, random: np.random.Generator) -> Examples:
        """Returns all pairs in random order, K = 1, of clips with (C,) captions."""
        clips = np.repeat(np.arange(len(counts)), counts)  # (N,) of each caption
        order = random.permutation(len(clips))
        return Examples(clips[order], order[:, np.newaxis] + 1)


class ClipBatches(Config):
    """Batches of clips with captions drawn for each; an epoch is one pass over clips.

    It costs less than `PairBatches`, since a clip is encoded once for all its captions,
    and every clip counts the same. One with fewer captions gives those that it has.
    """

    kind: Literal["clips"] = "clips"
    size: int = Field(32, ge=1)  # clips of a batch
    captions: int = Field(5, ge=1)  # the most that are drawn for each clip

    def draw(self, counts: np.ndarray, random: np.random.Generator) -> Examples:
        """Returns the clips that have captions, with some of their (C,) captions.

        K is no more than any clip has captions.
        """
        clips = random.permutation(np.flatnonzero(counts))  # (N,)
        most = counts.max()
        rank = np.arange(most)  # of a drawn caption
        present = rank < counts[clips, np.newaxis]  # (N, most)
        keys = np.where(present, random.random(present.shape), 2.0)
        before = np.cumsum(counts) - counts  # (C,) captions of earlier clips
        captions = before[clips, np.newaxis] + keys.argsort(axis=1) + 1
        return Examples(clips, np.where(present, captions, 0)[:, : self.captions])


BatchConfig = Annotated[Union[PairBatches, ClipBatches], BY_KIND]


class TrainingBatches:
    """Batches for training, the same ones at every run with the same seed.

    Args:
        source: The training split; clips without captions are left out.
        vocabulary: Encodes the captions as ids.
        features: Names of the features that the model reads.
        batch: What a batch and an epoch are. What does not fill a batch is left out of
            an epoch: other clips or pairs in each.
        max_words: Longer captions are cut.
        seed: Decides the order and the captions of every epoch.
        memory_bytes: Clips are kept in memory up to this size.

    Raises:
        DataError: There are no captions, or the vocabulary is of others.
    """

    def __init__(
        self,
        source: RecordDataset,
        vocabulary: Vocabulary,
        features: Collection[str],
        batch: PairBatches | ClipBatches,
        *,
        max_words: int,
        seed: int,
        memory_bytes: int = MEMORY_BYTES,
    ):
        captions = [text for clip in source.clips for text in clip.captions]
        if not captions:
            raise DataError(f"no clip of {', '.join(source.files)} has a caption.")
        _check_vocabulary(captions, vocabulary, source)
        with tf.device("CPU"):
            tokens = vocabulary.encode(tf.constant(captions), max_words)
            # (1 + captions, L); the first row stands for no caption.
            self._tokens = tf.pad(tokens, [[1, 0], [0, 0]], constant_values=PAD)
        self._counts = np.array([len(clip.captions) for clip in source.clips])
        self._source = source
        self._features = tuple(features)
        self._memory_bytes = memory_bytes
        self._batch = batch
        self._seed = seed
        size = len(self._draw(0).clips)
        self.batch_size = min(batch.size, size)
        self.steps_per_epoch = size // self.batch_size

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns the `TrainingBatch`es of one epoch, from batch `first_step` on."""
        begin = first_step * self.batch_size
        examples = Examples(*(values[begin:] for values in self._draw(epoch)))
        read, tokens = self._read, self._tokens

        def load(clips: tf.Tensor, captions: tf.Tensor) -> TrainingBatch:
            return TrainingBatch(read(clips), tf.gather(tokens, captions))

        dataset = tf.data.Dataset.from_tensor_slices(tuple(examples))
        batches = dataset.batch(self.batch_size, drop_remainder=True)
        loaded = batches.map(load, tfrecords.PARALLEL_CALLS)
        return tfrecords.untuned(loaded.prefetch(2))

    def _draw(self, epoch: int) -> Examples:
        random = np.random.default_rng([self._seed, epoch])
        return self._batch.draw(self._counts, random)

    @functools.cached_property
    def _read(self) -> ClipReader:
        return self._source.clip_reader(self._features, self._memory_bytes)


def _check_vocabulary(
    captions: list[str], vocabulary: Vocabulary, source: RecordDataset
) -> None:
    """Raises `DataError` if the vocabulary was made from other captions."""
    words = vocabulary.tokenizer.split(tf.constant(captions)).flat_values.numpy()
    counts = collections.Counter(words)
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
