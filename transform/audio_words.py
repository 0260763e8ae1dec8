"""Bags of audio words: a codebook of sounds, and how often each is heard."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from typing import Any, NamedTuple

import numpy as np

from transform import k_means, storage
from transform.backbones import weights as weight_files
from transform.backbones.weights import WeightsError, WeightsFile
from transform.mfcc import mfcc
from transform.schema import AudioWords

_DECIDING = ("words", "coefficients", "bands")  # fields that a codebook is learnt for


class Codebook(NamedTuple):
    """The words: centres of clusters of windows, whose values are standardised first.

    D = 3 · coefficients.
    """

    mean: np.ndarray  # (D,) float32
    scale: np.ndarray  # (D,) float32, the standard deviation, or 1 where that is 0
    centres: np.ndarray  # (words, D) float32

    @classmethod
    def load(cls, feature: AudioWords) -> Codebook:
        """Reads the file that a feature names.

        Raises:
            WeightsError: There is none, or it was learnt for another feature.
        """
        path = find(feature).path
        try:
            with np.load(path) as file:
                learnt_for = json.loads(str(file["settings"]))
                codebook = cls(*(file[name] for name in cls._fields))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise WeightsError(
                f"{path} is not a codebook of audio words; `kinescribe audio-words` "
                "makes one."
            ) from error
        if learnt_for != _settings(feature):
            made_for = ", ".join(f"{key} {value}" for key, value in learnt_for.items())
            raise WeightsError(
                f"feature {feature.name}: the codebook {path} was learnt for {made_for}"
                "; learn another with `kinescribe audio-words`, or change the feature."
            )
        return codebook

    def save(self, path: str, feature: AudioWords) -> None:
        """Writes the file whole or not at all, the same codebook as the same bytes."""
        data = io.BytesIO()
        settings = json.dumps(_settings(feature))
        np.savez(data, settings=np.array(settings), **self._asdict())
        storage.write(path, data.getvalue())

    def bag(self, windows: np.ndarray) -> np.ndarray:
        """(W, D) coefficients → (1, words) float32 of length 1.

        Without a window there is no step: (0, words).
        """
        words = len(self.centres)
        if not len(windows):
            return np.zeros((0, words), np.float32)
        heard = k_means.nearest((windows - self.mean) / self.scale, self.centres)
        counts = np.bincount(heard, minlength=words)
        return np.sqrt(counts / len(windows)).astype(np.float32)[None]


def windows_of(samples: np.ndarray, feature: AudioWords) -> np.ndarray:
    """(n,) float32 sound at 16 kHz → (W, 3 · coefficients) float32."""
    return mfcc(samples, feature.bands, feature.coefficients)


def find(feature: AudioWords) -> WeightsFile:
    """The codebook's file, by its path or in the folder of weights."""
    path = pathlib.Path(feature.codebook)
    try:
        found = weight_files.find(feature.codebook, "a codebook")
    except WeightsError as error:
        raise WeightsError(
            f"feature {feature.name}: there is no codebook {path}; learn one from the "
            "training clips with `kinescribe audio-words`."
        ) from error
    return WeightsFile(found, weight_files.file_sha256(found))


def learn(
    windows: np.ndarray, feature: AudioWords, seed: int = 0, **reporting: Any
) -> Codebook:
    """The codebook of windows of sound, of (N, D) float32 coefficients.

    Raises:
        ValueError: Fewer windows differ than the feature has words.
    """
    mean = windows.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = windows.std(axis=0, dtype=np.float64).astype(np.float32)
    scale[scale == 0] = 1
    found = k_means.k_means(
        (windows - mean) / scale, feature.words, seed=seed, **reporting
    )
    return Codebook(mean, scale, found.centres)


def _settings(feature: AudioWords) -> dict[str, int]:
    return {name: getattr(feature, name) for name in _DECIDING}
