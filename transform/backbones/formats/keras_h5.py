"""Reads weights of Keras layers from the HDF5 files of `save_weights` or `save`."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from types import TracebackType

import h5py
import numpy as np

from transform.common.weight_files import WeightsError


class KerasWeights(Mapping[str, np.ndarray]):
    """The weights of a file by layer and name, as in `conv1/kernel`.

    A layer inside of another model is named without that model. Each weight is read
    when it is asked for.

    Args:
        path: the file.
        network: whose weights it should hold, for what is said of another file.

    Raises:
        WeightsError: It is not an HDF5 file.
    """

    def __init__(self, path: pathlib.Path, network: str):
        try:
            self._file = h5py.File(path)
        except OSError as error:
            raise WeightsError(
                f"{path} is not an HDF5 file, the format of {network}'s weights "
                f"({error})."
            ) from error
        self._weights: dict[str, h5py.Dataset] = {}
        group = self._file.get("model_weights", self._file)
        group.visititems(self._note)

    def _note(self, name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            *_, layer, weight = ("", *name.split("/"))
            self._weights[f"{layer}/{weight.partition(':')[0]}"] = item

    def __enter__(self) -> KerasWeights:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __getitem__(self, name: str) -> np.ndarray:
        return self._weights[name][()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)
