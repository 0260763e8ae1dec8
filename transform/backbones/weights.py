"""Where a network's weights come from, and the SHA-256 that they are known by."""

from __future__ import annotations

import hashlib
import os
import pathlib
import zlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform.errors import KinescribeError

FOLDER_VARIABLE = "KINESCRIBE_WEIGHTS"
RANDOM = "random"


class WeightsError(KinescribeError, ValueError):
    """A network's weights are not to be had, or are not the ones expected."""


class WeightsFile(NamedTuple):
    """A file of weights; `path` is None where they are drawn from a fixed seed."""

    path: pathlib.Path | None
    sha256: str


class Published(NamedTuple):
    """A weight file on the web."""

    url: str
    md5: str

    def download(self) -> pathlib.Path:
        """The file in Keras' own folder of downloads, fetched where it is absent."""
        name = self.url.rpartition("/")[2]
        try:
            path = tf.keras.utils.get_file(
                name, self.url, cache_subdir="models", file_hash=self.md5
            )
        except Exception as error:  # Keras raises a bare Exception
            raise WeightsError(
                f"the weights {self.url} cannot be downloaded ({error}); fetch them "
                f"elsewhere and name the file in `weights`, or put it into the folder "
                f"that ${FOLDER_VARIABLE} names."
            ) from error
        return pathlib.Path(path)


def find(name: str, network: str) -> pathlib.Path:
    """A weight file by its path, or by its name in the folder of weights."""
    path = pathlib.Path(name).expanduser()
    if path.is_file():
        return path
    looked_at = [str(path)]
    if folder := os.environ.get(FOLDER_VARIABLE):
        shared = pathlib.Path(folder).expanduser() / path.name
        if shared.is_file():
            return shared
        looked_at.append(str(shared))
    raise WeightsError(
        f"the weights of {network} are not at {' nor at '.join(looked_at)}; name the "
        f"file in `weights`, or its folder in ${FOLDER_VARIABLE}."
    )


def file_sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fill_at_random(model: tf.keras.Model, network: str) -> None:
    """Draws every weight from a seed that depends on the network's name alone.

    Kernels are normal with variance 1 / fan-in; normalisations do nothing.
    """
    generator = np.random.default_rng(zlib.crc32(network.encode()))
    values = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        kind = weight.name.rpartition("/")[2].partition(":")[0]
        if kind in ("gamma", "moving_variance"):
            values.append(np.ones(shape))
        elif len(shape) < 2:
            values.append(np.zeros(shape))
        else:
            fan_in = np.prod(shape[:-1])
            values.append(generator.normal(scale=fan_in**-0.5, size=shape))
    model.set_weights(values)
