"""Reads TensorFlow 1 checkpoints: one file of version 1, or a prefix of version 2.

The second version is an index and shards of data beside it. Its weights are named by
their common prefix, as `tf.train.Saver` names it, or by any one of those files.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from transform.common import storage, weight_files
from transform.common.weight_files import WeightsError, WeightsFile

_PART = re.compile(r"(.+)\.(index|meta|data-\d{5}-of-\d{5})")


class Checkpoint(Mapping[str, np.ndarray]):
    """The variables of a checkpoint by name; each is read when it is asked for.

    Args:
        path: the prefix or the file, as `find` gives it.

    Raises:
        WeightsError: TensorFlow cannot read it.
    """

    def __init__(self, path: pathlib.Path):
        try:
            self._reader = tf.train.load_checkpoint(str(path))
        except storage.DAMAGED as error:
            said = " ".join(str(error).split())
            raise WeightsError(
                f"{path} is not a checkpoint of TensorFlow: {said}."
            ) from error
        self._path = path
        self._shapes = self._reader.get_variable_to_shape_map()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._shapes:
            raise KeyError(name)
        try:
            return self._reader.get_tensor(name)
        except storage.DAMAGED as error:
            raise WeightsError(
                f"{self._path} is damaged: {name} cannot be read; fetch it again."
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def find(name: str, network: str) -> WeightsFile:
    """Finds a checkpoint by its path, or in the folder of weights.

    The hash of one of the second version is that of its index and shards, one after
    the other.

    Raises:
        WeightsError: There is none.
    """
    part = _PART.fullmatch(name)
    prefix = weight_files.find(part[1] if part else name, network, present=_files)
    return WeightsFile(prefix, weight_files.file_sha256(*_files(prefix)))


def _files(prefix: pathlib.Path) -> list[pathlib.Path]:
    index = prefix.parent / f"{prefix.name}.index"
    if index.is_file():
        shards = prefix.parent.glob(f"{_escaped(prefix.name)}.data-*")
        return [index, *sorted(shards)]
    return [prefix] if prefix.is_file() else []


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
