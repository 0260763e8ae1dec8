"""`WeightReader`: checks that a network uses all of a weight file."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from transform.common import weight_files
from transform.common.weight_files import WeightsError


class WeightReader:
    """Reads a weight file's tensors and keeps account of those that were used.

    Args:
        tensors: by the names that the file gives them.
        path: the file's, for messages.
        network: the network's name, for messages.
    """

    def __init__(
        self, tensors: Mapping[str, np.ndarray], path: pathlib.Path, network: str
    ):
        self._tensors = tensors
        self._path = path
        self._network = network
        self._left = set(tensors)

    def read(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """Returns one tensor as float32; raises as `weight_files.read_tensor` does."""
        tensor = weight_files.read_tensor(
            self._tensors, name, shape, self._path, self._network
        )
        self._left.discard(name)
        return tensor

    def check_all_used(self, known: re.Pattern[str]) -> None:
        """Raises `WeightsError` if an unused tensor's name is not `known`."""
        strange = sorted(name for name in self._left if not known.fullmatch(name))
        if strange:
            raise WeightsError(
                f"{self._path} does not fit {self._network}, which has no {strange[0]}."
            )
