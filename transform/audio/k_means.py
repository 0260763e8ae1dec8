"""K-means clustering of points with a k-means++ start."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_BLOCK = 8192  # points at a time: their distances to 1,024 centres take 32 MB
_TOLERANCE = 1e-4  # the error's relative fall in one round that counts as none


class Clustering(NamedTuple):
    """The result of `k_means`: centres, error and number of rounds."""

    centres: np.ndarray  # (K, D) float32
    error: float  # mean squared distance of a point to its centre
    rounds: int


def k_means(
    points: np.ndarray,
    clusters: int,
    seed: int = 0,
    max_rounds: int = 100,
    report: Callable[[int], None] = lambda done: None,
) -> Clustering:
    """Runs Lloyd's algorithm from a k-means++ start (Arthur and Vassilvitskii, 2007).

    A cluster that no point is nearest to any more takes the point that lies farthest
    from its own centre. The rounds end when the error has stopped falling. The same
    points in the same order give the same centres.

    Args:
        points: (N, D) float32.
        clusters: K; at the most the number of points that differ.
        seed: of the start.
        max_rounds: of assigning points and moving centres.
        report: Called with the number of steps done, of `clusters + max_rounds`.

    Raises:
        ValueError: fewer than `clusters` points differ.
    """
    if points.ndim != 2:
        raise ValueError(f"points must be (N, D); received {points.shape}")
    points = np.ascontiguousarray(points, np.float32)
    centres = _spread_out(points, clusters, np.random.default_rng(seed), report)
    squares = np.einsum("nd,nd->n", points, points)  # (N,)
    before = np.inf
    for done in range(1, max_rounds + 1):
        nearest, distances = _nearest(points, squares, centres)
        centres = _means(points, nearest, distances, clusters)
        report(clusters + done)
        error = float(distances.mean(dtype=np.float64))
        if before - error <= _TOLERANCE * error:
            break
        before = error
    return Clustering(centres, error, done)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns (N,) int64 indices of the (K, D) centres nearest to the (N, D) points.

    Of several equally near centres the first one is taken.
    """
    points = np.ascontiguousarray(points, np.float32)
    squares = np.zeros(len(points), np.float32)  # the same for every centre
    return _nearest(points, squares, centres)[0]


def _spread_out(
    points: np.ndarray,
    clusters: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
) -> np.ndarray:
    """Draws centres with odds of the squared distance to the centres before them."""
    centres = np.empty((clusters, points.shape[1]), np.float32)
    distances = np.ones(len(points), np.float32)
    away = np.empty_like(points)
    for index in range(clusters):
        odds = np.cumsum(distances, dtype=np.float64)
        if not len(points) or not odds[-1]:
            raise ValueError(
                f"{clusters} clusters need as many points that differ; received "
                f"{len(points)} points, of which {index} differ"
            )
        drawn = np.searchsorted(odds, generator.random() * odds[-1], side="right")
        centres[index] = points[drawn]
        np.subtract(points, centres[index], out=away)
        new = np.einsum("nd,nd->n", away, away)
        distances = new if index == 0 else np.minimum(distances, new)
        report(index + 1)
    return centres


def _nearest(
    points: np.ndarray, squares: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each point's nearest centre (N,), and its squared distance (N,)."""
    index = np.empty(len(points), np.int64)
    distances = np.empty(len(points), np.float32)
    lengths = np.einsum("kd,kd->k", centres, centres)
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        # |x − c|² = |x|² − 2 x·c + |c|²; the first term is the same for all centres.
        relative = lengths - 2 * (points[block] @ centres.T)  # (block, K)
        closest = relative.argmin(axis=1)
        index[block] = closest
        distances[block] = relative[np.arange(len(closest)), closest] + squares[block]
    return index, np.maximum(distances, 0)


def _means(
    points: np.ndarray, nearest: np.ndarray, distances: np.ndarray, clusters: int
) -> np.ndarray:
    """Returns the mean of each cluster's points; empty clusters get far points."""
    counts = np.bincount(nearest, minlength=clusters)  # (K,)
    sums = np.stack(
        [np.bincount(nearest, column, minlength=clusters) for column in points.T],
        axis=1,
    )  # (K, D) float64
    centres = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    centres[empty] = points[farthest]
    return centres
