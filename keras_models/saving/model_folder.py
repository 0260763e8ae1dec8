"""Reads and writes a model's folder: `model.json`, `vocabulary.txt` and weights."""

from __future__ import annotations

import json
import pathlib
import uuid
from typing import Any, Literal, TypeVar

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config, ConfigError
from transform.common.errors import KinescribeError
from transform.records.tokenizers import AnyTokenizer, Words
from transform.records.vocabulary import Vocabulary

MODEL = "model.json"
VOCABULARY = "vocabulary.txt"


class LoadError(KinescribeError):
    """A folder does not hold a model that can be read."""


class Description(Config):
    """The content of `model.json`; each kind of model adds what it is built from."""

    format: Literal[2] = 2
    vocabulary_digest: str
    weights: str  # the prefix of the weight files
    tokenizer: AnyTokenizer = Words()  # what splits captions into the words


DescriptionT = TypeVar("DescriptionT", bound=Description)


def write(
    folder: str | pathlib.Path,
    kind: type[Description],
    model: tf.keras.Model,
    vocabulary: Vocabulary,
    **parts: Any,
) -> None:
    """Writes a folder that `read` reads, in place of the model that it may hold.

    `model.json` is written last and names the weights, so that a reader, or a run that
    was killed, always finds a complete model: the former or the new one.

    Args:
        folder: A local or remote folder, which is made if it does not exist.
        kind: The class of the description.
        model: The model whose weights and random generators are saved.
        vocabulary: The vocabulary whose ids the model reads and predicts.
        parts: The fields that `kind` has beyond those of `Description`.
    """
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            f"the model has {model.vocabulary_size} words; received a vocabulary "
            f"of {len(vocabulary)}"
        )
    folder = str(folder)
    tf.io.gfile.makedirs(folder)
    prefix = f"weights-{uuid.uuid4().hex[:12]}"
    tf.train.Checkpoint(model=model).write(tf.io.gfile.join(folder, prefix))
    description = kind(
        vocabulary_digest=vocabulary.digest,
        weights=prefix,
        tokenizer=vocabulary.tokenizer,
        **parts,
    )
    words = tf.io.gfile.join(folder, f".{VOCABULARY}")
    vocabulary.to_file(words)
    tf.io.gfile.rename(words, tf.io.gfile.join(folder, VOCABULARY), overwrite=True)
    new = tf.io.gfile.join(folder, f".{MODEL}")
    with tf.io.gfile.GFile(new, "w") as file:
        file.write(json.dumps(description.to_dict(), indent=2, sort_keys=True) + "\n")
    tf.io.gfile.rename(new, tf.io.gfile.join(folder, MODEL), overwrite=True)
    for name in tf.io.gfile.listdir(folder):
        if name.startswith("weights-") and not name.startswith(prefix):
            tf.io.gfile.remove(tf.io.gfile.join(folder, name))


def read(
    folder: str | pathlib.Path, kind: type[DescriptionT]
) -> tuple[DescriptionT, Vocabulary]:
    """Reads a model's description and its vocabulary, but not its weights.

    Raises:
        LoadError: There is no complete model of this kind in the folder.
    """
    path = tf.io.gfile.join(str(folder), MODEL)
    try:
        with tf.io.gfile.GFile(path) as file:
            description = kind.from_json(file.read())
        words = tf.io.gfile.join(str(folder), VOCABULARY)
        vocabulary = Vocabulary.from_file(words, description.tokenizer)
    except tf.errors.NotFoundError as error:
        raise LoadError(
            f"{folder} holds no model: {error.message.split(';')[0]}."
        ) from error
    except (ConfigError, json.JSONDecodeError) as error:
        raise LoadError(f"{path} is not a model's description: {error}") from error
    if vocabulary.digest != description.vocabulary_digest:
        raise LoadError(
            f"{folder} holds the vocabulary {vocabulary.digest}, but its model was "
            f"trained with {description.vocabulary_digest}; save the model again."
        )
    return description, vocabulary


def read_weights(
    folder: str | pathlib.Path, description: Description, model: tf.keras.Model
) -> None:
    """Loads the weights that a description names into a built model.

    Raises:
        LoadError: The weights are missing, or belong to another model.
    """
    checkpoint = tf.train.Checkpoint(model=model)
    try:
        status = checkpoint.read(tf.io.gfile.join(str(folder), description.weights))
    except tf.errors.NotFoundError as error:
        raise LoadError(f"{folder} lacks the weights {description.weights}.") from error
    except storage.DAMAGED as error:
        raise LoadError(
            f"the weights {description.weights} of {folder} are damaged; copy or train "
            "the model again."
        ) from error
    try:
        status.assert_existing_objects_matched()
    except AssertionError as error:
        raise LoadError(
            f"{folder} holds other weights than its model has, as if another version "
            "of Kinescribe had saved it; train it again."
        ) from error
