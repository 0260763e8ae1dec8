"""Converts captions to word ids and back, by the same TensorFlow ops everywhere."""

from __future__ import annotations

import collections
import functools
import hashlib
import pathlib
from collections.abc import Iterable

import tensorflow as tf

from transform.common.location import Location, LocationError
from transform.records.tokenizers import Tokenizer, Words

PAD, BOS, EOS, UNK = range(4)
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")
FORBIDDEN_TOKENS = (PAD, BOS, UNK)  # no search writes them
_USUAL = Words()


class Vocabulary:
    """The words that captions consist of, and their ids.

    Ids 0…3 are <pad>, <bos>, <eos>, <unk>; line i of a vocabulary file (one word a
    line, the format of `tft.vocabulary`) is id 4 + i.

    Args:
        words: All words but the special ones.
        tokenizer: What splits captions into such words.
    """

    def __init__(self, words: Iterable[str], tokenizer: Tokenizer = _USUAL):
        self.words = (*SPECIAL, *words)
        self.tokenizer = tokenizer
        if len(set(self.words)) != len(self.words):
            raise ValueError("a vocabulary's words must differ from each other")

    @classmethod
    def from_file(
        cls, path: str | pathlib.Path, tokenizer: Tokenizer = _USUAL
    ) -> Vocabulary:
        """Reads one word a line, on any file system that TensorFlow knows.

        Raises:
            LocationError: There is no such file, it is no text, or it has a word
                twice.
        """
        lines: dict[str, int] = dict(zip(SPECIAL, range(-len(SPECIAL), 0), strict=True))
        text = Location(path).read_text()
        for number, line in enumerate(text.split("\n"), start=1):
            word = line.removesuffix("\r")
            if word.strip() and lines.setdefault(word, number) != number:
                raise LocationError(
                    str(path), f"line {number} has the word {word!r} again"
                )
        return cls(list(lines)[len(SPECIAL) :], tokenizer)

    @classmethod
    def from_captions(
        cls,
        captions: Iterable[str],
        min_count: int = 1,
        tokenizer: Tokenizer = _USUAL,
    ) -> Vocabulary:
        """Collects words that occur `min_count` times, in `tft.vocabulary`'s order.

        That is the most frequent word first, and of equally frequent ones the one that
        comes last in bytes.
        """
        texts = tf.constant(list(captions), tf.string)
        words = tokenizer.split(texts).flat_values.numpy()
        counts = collections.Counter(words.tolist())
        order = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
        frequent = [word.decode() for word in order if counts[word] >= min_count]
        return cls(frequent, tokenizer)

    def to_file(self, path: str | pathlib.Path) -> None:
        """Writes the file that `from_file` reads."""
        with tf.io.gfile.GFile(str(path), "w") as file:
            file.write("".join(f"{word}\n" for word in self.words[len(SPECIAL) :]))

    def __len__(self) -> int:
        return len(self.words)

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen hex digits that tell vocabularies apart."""
        content = "\n".join(self.words)
        if self.tokenizer != _USUAL:  # whose vocabularies keep their former digests
            content += f"\n{self.tokenizer.to_json()}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @functools.cached_property
    def _table(self) -> tf.lookup.StaticHashTable:
        with tf.init_scope():
            return tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    list(self.words), list(range(len(self))), value_dtype=tf.int32
                ),
                default_value=UNK,
            )

    def encode(self, captions: tf.Tensor, max_words: int) -> tf.Tensor:
        """Encodes (…,) strings as (…, max_words + 1) int32 ids: words, <eos>, <pad>.

        A caption of more than `max_words` words is cut and still ends in <eos>. An
        empty string gives <pad> only, so that padding captions stay padding.
        """
        flat = tf.reshape(captions, [-1])
        words = self.tokenizer.split(flat)[:, :max_words]
        ids = tf.ragged.map_flat_values(self._table.lookup, words)
        empty = tf.equal(words.row_lengths(), 0)
        ends = tf.RaggedTensor.from_row_lengths(
            tf.fill([tf.reduce_sum(tf.cast(~empty, tf.int32))], EOS),
            tf.cast(~empty, tf.int64),
        )
        dense = tf.concat([ids, ends], axis=1).to_tensor(
            PAD, shape=[None, max_words + 1]
        )
        return tf.reshape(dense, [*_dynamic_shape(captions), max_words + 1])

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Decodes (…, L) ids to (…,) strings, up to the first <eos> or <pad>.

        There is a space between any two words, as metrics count them; what a reader
        wants to see of that is `tokenizer.join`'s.
        """
        ended = tf.cumsum(tf.cast((ids == EOS) | (ids == PAD), tf.int32), axis=-1) > 0
        words = tf.where(
            ended | (ids == BOS), "", tf.gather(tf.constant(self.words), ids)
        )
        return tf.strings.strip(tf.strings.reduce_join(words, axis=-1, separator=" "))


def _dynamic_shape(tensor: tf.Tensor) -> list:
    dynamic = tf.shape(tensor)
    return [
        dynamic[axis] if size is None else size
        for axis, size in enumerate(tensor.shape.as_list())
    ]
