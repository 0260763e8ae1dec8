"""Initialises word embeddings with vectors that were learnt from other texts."""

from __future__ import annotations

import gzip
import os
import pathlib
from collections.abc import Iterator
from typing import IO

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from transform.common.errors import KinescribeError
from transform.common.weight_files import FOLDER_VARIABLE


class WordVectorsError(KinescribeError):
    """A file of word vectors cannot be used; the message names it."""


def assign(path: str | pathlib.Path, model: CaptioningModel[Captioner]) -> int:
    """Sets a model's word embeddings to the vectors of a file in word2vec's format.

    dualAFR begins with those of Google News (Pu et al., 2018, appendix). Words that the
    file lacks keep the vectors that they have. All of them are learnt further.

    Args:
        path: Binary where its name ends in .bin, else text; compressed where it ends in
            .gz after that.
        model: The model, whose decoder's embedding is changed.

    Returns:
        How many words the file knows.

    Raises:
        WordVectorsError: It cannot be read, or its vectors have another length.
    """
    rows = {word: row for row, word in enumerate(model.vocabulary.words)}
    table = model.captioner.decoder.embedding.embeddings
    values = table.numpy()
    known = set()
    for word, vector in read(path):
        if len(vector) != values.shape[1]:
            raise WordVectorsError(
                f"the vectors in {path} are of {len(vector)} numbers, but the model's "
                f"words of {values.shape[1]}: set decoder.embedding to {len(vector)}."
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
        places.append(os.path.join(folder, name))
    for place in places:
        if tf.io.gfile.exists(place):
            return place
    raise WordVectorsError(
        f"there are no word vectors at {' nor at '.join(places)}; put the file into "
        f"the folder that ${FOLDER_VARIABLE} names, or set word_vectors to another "
        "path, or to null to begin with random ones."
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
