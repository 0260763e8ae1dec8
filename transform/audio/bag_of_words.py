"""Bags of audio words: how often each word of a codebook is heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from transform.audio import k_means
from transform.audio.codebook import Codebook
from transform.audio.mfcc import mfcc
from transform.common.config import Config
from transform.schema import AudioWords, HardAssignment, SoftAssignment

_BLOCK = 8192  # windows at a time: their distances to 1,024 words take 32 MB
# Rounds of k-means; it mostly ends after a third of them.
MAX_ROUNDS = 100


def windows_of(samples: np.ndarray, feature: AudioWords) -> np.ndarray:
    """Returns (W, 3 · coefficients) float32 windows of (n,) sound at 16 kHz."""
    return mfcc(samples, feature.bands, feature.coefficients)


def bag(windows: np.ndarray, codebook: Codebook, feature: AudioWords) -> np.ndarray:
    """Returns the square roots of the words' shares of the windows.

    Args:
        windows: (W, D) float32, as `windows_of` gives them.
        codebook: of the same D.
        feature: How windows are assigned to words.

    Returns:
        (1, words) float32 of length 1; no step, (0, words), without a window.
    """
    words = len(codebook.centres)
    if not len(windows):
        return np.zeros((0, words), np.float32)
    assign = _ASSIGNMENTS[type(feature.assignment)]
    counts = np.zeros(words)
    for start in range(0, len(windows), _BLOCK):
        block = (windows[start : start + _BLOCK] - codebook.mean) / codebook.scale
        counts += assign(block, codebook.centres, feature.assignment)
    return np.sqrt(counts / len(windows)).astype(np.float32)[None]


def _hard(
    points: np.ndarray, centres: np.ndarray, assignment: HardAssignment
) -> np.ndarray:
    """Returns how many of (W, D) points each of (K, D) centres is nearest to: (K,)."""
    del assignment
    return np.bincount(k_means.nearest(points, centres), minlength=len(centres))


def _soft(
    points: np.ndarray, centres: np.ndarray, assignment: SoftAssignment
) -> np.ndarray:
    """Returns each centre's share (K,) of (W, D) points, which adds up to W."""
    count = min(assignment.nearest, len(centres))
    points, centres = points.astype(np.float64), centres.astype(np.float64)
    # |x − c|² less |x|², which is the same for all centres.
    squares = (centres**2).sum(axis=1) - 2 * points @ centres.T  # (W, K)
    near = np.argpartition(squares, count - 1, axis=1)[:, :count]  # (W, nearest)
    squares = np.take_along_axis(squares, near, axis=1)
    squares -= squares.min(axis=1, keepdims=True)
    weights = np.exp(-squares / (2 * assignment.spread**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.bincount(near.ravel(), weights.ravel(), minlength=len(centres))


_ASSIGNMENTS: Mapping[type[Config], Callable[[np.ndarray, np.ndarray, Any], Any]] = {
    HardAssignment: _hard,
    SoftAssignment: _soft,
}


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
