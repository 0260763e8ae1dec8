"""Bags of audio words: how often each word of a codebook is heard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from transform.audio import k_means
from transform.audio.codebook import Codebook
from transform.audio.mfcc import mfcc
from transform.schema import AudioWords

# Rounds of k-means; it mostly ends after a third of them.
MAX_ROUNDS = 100


def windows_of(samples: np.ndarray, feature: AudioWords) -> np.ndarray:
    """Returns (W, 3 · coefficients) float32 windows of (n,) sound at 16 kHz."""
    return mfcc(samples, feature.bands, feature.coefficients)


def bag(windows: np.ndarray, codebook: Codebook) -> np.ndarray:
    """Returns the square roots of the words' shares of the windows.

    Args:
        windows: (W, D) float32, as `windows_of` gives them.
        codebook: of the same D.

    Returns:
        (1, words) float32 of length 1; no step, (0, words), without a window.
    """
    words = len(codebook.centres)
    if not len(windows):
        return np.zeros((0, words), np.float32)
    heard = k_means.nearest(
        (windows - codebook.mean) / codebook.scale, codebook.centres
    )
    counts = np.bincount(heard, minlength=words)
    return np.sqrt(counts / len(windows)).astype(np.float32)[None]


def learn(
    windows: np.ndarray,
    words: int,
    seed: int = 0,
    report: Callable[[int], None] = lambda done: None,
) -> Codebook:
    """Learns the codebook of (N, D) float32 windows of sound.

    `report` is called with the number of steps done, of `words + MAX_ROUNDS`.

    Raises:
        ValueError: There are fewer distinct windows than words.
    """
    mean = windows.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = windows.std(axis=0, dtype=np.float64).astype(np.float32)
    scale[scale == 0] = 1
    clustering = k_means.k_means(
        (windows - mean) / scale, words, seed, MAX_ROUNDS, report
    )
    return Codebook(mean, scale, clustering.centres)
