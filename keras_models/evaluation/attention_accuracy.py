"""How often attention looks where, and when, something happens.

Both measures need data whose answers are known, such as `transform.moving_world`'s
masks and times of events. Of several largest weights that are equal, each counts for
its share: uniform attention scores what a random choice does on average. What attention
is held against stands at the end.
"""

from __future__ import annotations

import numpy as np


def pointing_game(weights: np.ndarray, coverage: np.ndarray) -> float:
    """Returns how often the most attended cell shows a part of the object.

    (Zhang et al., 2018: the pointing game, with the cell for a tolerance.) Places whose
    weights or coverage are all 0 do not count: there, nothing is looked at or to be
    seen.

    Args:
        weights: (N, S) of the cells of N frames, or of a word in N frames.
        coverage: (N, S), the share of each cell that the object covers; see
            `cell_coverage`.

    Returns:
        A share in [0, 1]; NaN if no frame counts.
    """
    counted = weights.any(axis=1) & coverage.any(axis=1)
    return _mean(_share_of_largest(weights[counted], coverage[counted] > 0))


def temporal_hit_rate(
    weights: np.ndarray, spans: np.ndarray, events: np.ndarray
) -> float:
    """Returns how often the most attended step lies within an event, by its middle.

    Where all steps do, or none does, nothing can be told.

    Args:
        weights: (L, N) of N steps for L words; words without weights do not count.
        spans: (N, 2) seconds of the steps.
        events: (E, 2) seconds at which each begins and ends.

    Returns:
        A share in [0, 1]; NaN if no word counts, or nothing can be told.
    """
    middles = spans.mean(axis=1)  # (N,)
    begins, ends = events[:, :1], events[:, 1:]  # (E, 1)
    inside = ((begins <= middles) & (middles <= ends)).any(axis=0)  # (N,)
    if inside.all() or not inside.any():
        return float("nan")
    counted = weights[weights.any(axis=1)]
    return _mean(_share_of_largest(counted, np.broadcast_to(inside, counted.shape)))


def cell_coverage(mask: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Returns the share of each cell of a grid over a frame that a mask covers.

    Args:
        mask: (height, width) bool, at least a pixel for every cell.
        grid: Rows and columns.

    Returns:
        (rows · columns,) in [0, 1], row by row.
    """
    rows, columns = grid
    parts = [
        part.mean()
        for strip in np.array_split(mask, rows, axis=0)
        for part in np.array_split(strip, columns, axis=1)
    ]
    return np.array(parts)


# ------------------------------------------------- what attention is held against


def uniform(count: int) -> np.ndarray:
    """Returns equal weights (count,): as often right as a random choice."""
    return np.full(count, 1 / count)


def centre(grid: tuple[int, int]) -> np.ndarray:
    """Returns weights (rows · columns,) that fall off from the middle of a grid."""
    rows, columns = (
        np.exp(-2 * np.linspace(-1, 1, side) ** 2) if side > 1 else np.ones(1)
        for side in grid
    )
    weights = np.outer(rows, columns).ravel()
    return weights / weights.sum()


def random(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Returns random weights that sum to 1 over the last axis."""
    weights = generator.exponential(size=shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def _share_of_largest(weights: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns the share (N,) of each row's largest weights (N, S) that are right."""
    if not weights.size:
        return np.zeros(0)
    largest = np.isclose(weights, weights.max(axis=1, keepdims=True), rtol=1e-6, atol=0)
    return (largest & right).sum(axis=1) / largest.sum(axis=1)


def _mean(shares: np.ndarray) -> float:
    return float(shares.mean()) if shares.size else float("nan")
