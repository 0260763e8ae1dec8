"""A trained model as a folder: `model.json`, `vocabulary.txt` and weights."""

from __future__ import annotations

import json
import pathlib
import uuid
from typing import Any, Literal, TypeVar

import tensorflow as tf

from transform.common.config import Config, ConfigError
from transform.common.errors import KinescribeError
from transform.records.vocabulary import Vocabulary

MODEL = "model.json"
VOCABULARY = "vocabulary.txt"


class LoadError(KinescribeError):
    """A model folder cannot be read."""


class Description(Config):
    """What `model.json` holds; kinds of models add what they are built from."""

    format: Literal[2] = 2
    vocabulary_digest: str
    weights: str  # the prefix of the weight files


DescriptionT = TypeVar("DescriptionT", bound=Description)


def write(
    folder: str | pathlib.Path,
    kind: type[Description],
    model: tf.keras.Model,
    vocabulary: Vocabulary,
    **parts: Any,
) -> None:
    """Writes a model that `read` reads; replaces the one that may be there.

    `model.json` comes last and names the weights, so that a reader, or a run that was
    killed, always finds a whole model: the former or the new one.

    Args:
        folder: Is made if it is not there.
        kind: Of the description.
        model: Its weights and generators.
        vocabulary: Its words.
        parts: What `kind` has beyond `Description`.
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
    description = kind(vocabulary_digest=vocabulary.digest, weights=prefix, **parts)
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
    """What a model is built from.

    Raises:
        LoadError: There is no whole model of this kind in the folder.
    """
    path = tf.io.gfile.join(str(folder), MODEL)
    try:
        with tf.io.gfile.GFile(path) as file:
            description = kind.from_json(file.read())
        vocabulary = Vocabulary.from_file(tf.io.gfile.join(str(folder), VOCABULARY))
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
    """Gives a built model the weights that its description names.

    Raises:
        LoadError: They are not there, or not this model's.
    """
    checkpoint = tf.train.Checkpoint(model=model)
    try:
        status = checkpoint.read(tf.io.gfile.join(str(folder), description.weights))
    except tf.errors.NotFoundError as error:
        raise LoadError(f"{folder} lacks the weights {description.weights}.") from error
    try:
        status.assert_existing_objects_matched()
    except AssertionError as error:
        raise LoadError(
            f"{folder} holds other weights than its model has, as if another version "
            "of Kinescribe had saved it; train it again."
        ) from error
