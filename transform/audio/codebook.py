"""`Codebook`: the words of sound that `kinescribe audio-words` learns."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np

from transform.common import storage, weight_files
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import AudioWords

_DECIDING = ("words", "coefficients", "bands")  # fields that a codebook is learnt for


class Codebook(NamedTuple):
    """The centres of clusters of windows, whose values are standardised first.

    D = 3 · coefficients.
    """

    mean: np.ndarray  # (D,) float32
    scale: np.ndarray  # (D,) float32, the standard deviation, or 1 where that is 0
    centres: np.ndarray  # (words, D) float32

    def save(self, path: str, feature: AudioWords) -> None:
        """Writes the file whole or not at all, the same codebook as the same bytes."""
        data = io.BytesIO()
        settings = np.array(json.dumps(_settings(feature)))
        np.savez(data, settings=settings, **self._asdict())
        storage.write(path, data.getvalue())


def find(feature: AudioWords) -> WeightsFile:
    """Finds the codebook's file, by its path or in the folder of weights."""
    try:
        return weight_files.find_file(feature.codebook, "audio words")
    except WeightsError as error:
        raise WeightsError(
            f"feature {feature.name}: there is no codebook {feature.codebook}; learn "
            "one from the training clips with `kinescribe audio-words`."
        ) from error


def load(path: pathlib.Path, feature: AudioWords) -> Codebook:
    """Reads a codebook from its file.

    Raises:
        WeightsError: It is none, or was learnt for another feature.
    """
    try:
        with np.load(path) as file:
            learnt_for = json.loads(str(file["settings"]))
            codebook = Codebook(*(file[name] for name in Codebook._fields))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is not a codebook of audio words; `kinescribe audio-words` makes "
            "one."
        ) from error
    if learnt_for != _settings(feature):
        wants, has = (
            ", ".join(f"{number} {name}" for name, number in settings.items())
            for settings in (_settings(feature), learnt_for)
        )
        raise WeightsError(
            f"feature {feature.name} has {wants}, but its codebook {path} was learnt "
            f"for {has}; learn another with `kinescribe audio-words`."
        )
    return codebook


def _settings(feature: AudioWords) -> dict[str, int]:
    return {name: getattr(feature, name) for name in _DECIDING}
