"""A trained captioner as a folder: `model.json`, `vocabulary.txt` and weights."""

from __future__ import annotations

import json
import pathlib
import uuid
from typing import Literal

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.variant import Variant
from transform.config import Config, ConfigError
from transform.errors import KinescribeError
from transform.schema import FeatureSpec
from transform.vocabulary import Vocabulary

MODEL = "model.json"
VOCABULARY = "vocabulary.txt"


class LoadError(KinescribeError):
    """A model folder cannot be read."""


class _Model(Config):
    """What `model.json` holds."""

    format: Literal[1] = 1
    variant: Variant
    spec: FeatureSpec
    max_words: int
    vocabulary_digest: str
    weights: str  # the prefix of the weight files


def save(
    captioner: Captioner, vocabulary: Vocabulary, folder: str | pathlib.Path
) -> None:
    """Writes a model that `load` reads; replaces the one that may be there.

    `model.json` comes last and names the weights, so that a reader, or a run that was
    killed, always finds a whole model: the former or the new one.
    """
    if len(vocabulary) != captioner.vocabulary_size:
        raise ValueError(
            f"the model has {captioner.vocabulary_size} words; received a vocabulary "
            f"of {len(vocabulary)}"
        )
    folder = str(folder)
    tf.io.gfile.makedirs(folder)
    prefix = f"weights-{uuid.uuid4().hex[:12]}"
    tf.train.Checkpoint(model=captioner).write(tf.io.gfile.join(folder, prefix))
    model = _Model(
        variant=captioner.variant,
        spec=captioner.spec,
        max_words=captioner.max_words,
        vocabulary_digest=vocabulary.digest,
        weights=prefix,
    )
    words = tf.io.gfile.join(folder, f".{VOCABULARY}")
    vocabulary.to_file(words)
    tf.io.gfile.rename(words, tf.io.gfile.join(folder, VOCABULARY), overwrite=True)
    description = tf.io.gfile.join(folder, f".{MODEL}")
    with tf.io.gfile.GFile(description, "w") as file:
        file.write(json.dumps(model.to_dict(), indent=2, sort_keys=True) + "\n")
    tf.io.gfile.rename(description, tf.io.gfile.join(folder, MODEL), overwrite=True)
    for name in tf.io.gfile.listdir(folder):
        if name.startswith("weights-") and not name.startswith(prefix):
            tf.io.gfile.remove(tf.io.gfile.join(folder, name))


def load(folder: str | pathlib.Path) -> tuple[Captioner, Vocabulary]:
    """Reads what `save` wrote: the same captioner, and its vocabulary.

    Raises:
        LoadError: There is no whole model in the folder.
    """
    path = tf.io.gfile.join(str(folder), MODEL)
    try:
        with tf.io.gfile.GFile(path) as file:
            model = _Model.from_json(file.read())
        vocabulary = Vocabulary.from_file(tf.io.gfile.join(str(folder), VOCABULARY))
    except tf.errors.NotFoundError as error:
        raise LoadError(
            f"{folder} holds no model: {error.message.split(';')[0]}."
        ) from error
    except (ConfigError, json.JSONDecodeError) as error:
        raise LoadError(f"{path} is not a model's description: {error}") from error
    if vocabulary.digest != model.vocabulary_digest:
        raise LoadError(
            f"{folder} holds the vocabulary {vocabulary.digest}, but its model was "
            f"trained with {model.vocabulary_digest}; save the model again."
        )
    captioner = Captioner(model.variant, model.spec, len(vocabulary), model.max_words)
    captioner.build_from_spec()
    checkpoint = tf.train.Checkpoint(model=captioner)
    try:
        status = checkpoint.read(tf.io.gfile.join(str(folder), model.weights))
    except tf.errors.NotFoundError as error:
        raise LoadError(f"{folder} lacks the weights {model.weights}.") from error
    status.assert_existing_objects_matched()
    return captioner, vocabulary
