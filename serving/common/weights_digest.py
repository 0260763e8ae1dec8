"""The digest of a model: equal for two exports of the same weights."""

from __future__ import annotations

import hashlib
import os
import posixpath

import numpy as np
import tensorflow as tf

from serving.common import signature_names
from serving.common.errors import ServingError
from transform.common import outputs, storage

_BOOKKEEPING = "_CHECKPOINTABLE_OBJECT_GRAPH"


def weights_digest(folder: str | os.PathLike[str]) -> str:
    """Returns sixteen hex digits of an exported model's weights and what reads them.

    Those are the values of all variables, whatever order they are stored in, the
    search, the precision, the vocabulary and the features' specification. The files
    themselves differ between two exports, in names that TensorFlow makes up.

    Args:
        folder: A SavedModel.

    Raises:
        ServingError: The model is damaged.
        KinescribeError: TensorFlow would take the folder's name for a pattern.
    """
    base = outputs.refuse_patterns(folder)
    digest = hashlib.sha256()
    for variable in sorted(_variables(base)):
        digest.update(variable.encode())
    for name in (
        signature_names.EXPORT_SETTINGS,
        posixpath.join("assets", signature_names.VOCABULARY_ASSET),
        posixpath.join("assets", signature_names.SPEC_ASSET),
    ):
        path = posixpath.join(base, name)
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path, "rb") as file:
                digest.update(
                    f"{name} {hashlib.sha256(file.read()).hexdigest()}\n".encode()
                )
    return digest.hexdigest()[:16]


def _variables(folder: str) -> list[str]:
    """Describes each variable by type, shape and the digest of its values."""
    prefix = posixpath.join(folder, "variables", "variables")
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        found = []
        for name in shapes:
            if name == _BOOKKEEPING:
                continue
            values = np.asarray(reader.get_tensor(name))
            content = (
                repr(values.tolist()).encode()
                if values.dtype == object
                else np.ascontiguousarray(values).tobytes()
            )
            found.append(
                f"{values.dtype} {values.shape} {hashlib.sha256(content).hexdigest()}\n"
            )
        return found
    except storage.DAMAGED as error:
        raise ServingError(
            f"the weights of {folder} cannot be read: {error}; it is damaged or no "
            "SavedModel."
        ) from error


def write_settings(folder: str, settings: str) -> None:
    """Writes what decides an export beside its weights, as JSON."""
    path = posixpath.join(folder, signature_names.EXPORT_SETTINGS)
    storage.write(path, settings)
