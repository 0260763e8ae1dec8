"""How far apart two samples are, and how far chance alone would bring them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_BINS = 10  # of numbers: the tenths of the earlier sample
_FEW = 20  # so many distinct numbers are counted one by one
_DRAWS = 5000
_LEVEL = 0.01  # of all columns together

Counts = np.ndarray  # (values,) or (draws, values)
Distance = Callable[[Counts, Counts], np.ndarray]


class Measured(NamedTuple):
    """The distance between two samples of one column."""

    distance: float
    by_chance: float  # what samples of these sizes exceed by chance once in 1 / level


def jensen_shannon(then: Counts, now: Counts) -> np.ndarray:
    """Returns the divergence of two histograms in bits, 0 (equal) to 1 (apart)."""
    p, q = _shares(then), _shares(now)
    middle = (p + q) / 2
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def largest_difference(then: Counts, now: Counts) -> np.ndarray:
    """Returns the largest difference between the shares of one value (L∞)."""
    return np.abs(_shares(then) - _shares(now)).max(axis=-1)


def of_numbers(then: np.ndarray, now: np.ndarray, columns: int) -> Measured | None:
    """Compares two samples of numbers; None if one has none.

    Args:
        then: The earlier sample; NaN is left out.
        now: The new one.
        columns: How many columns are compared, which the level is shared by.
    """
    then, now = then[~np.isnan(then)], now[~np.isnan(now)]
    if not len(then) or not len(now):
        return None
    if len(np.unique(np.concatenate([then, now]))) > _FEW:
        edges = np.unique(np.quantile(then, np.linspace(0, 1, _BINS + 1)[1:-1]))
        then, now = np.searchsorted(edges, then), np.searchsorted(edges, now)
    return _measure(then, now, jensen_shannon, columns)


def of_categories(then: np.ndarray, now: np.ndarray, columns: int) -> Measured | None:
    """Compares two samples of strings; as `of_numbers`."""
    if not len(then) or not len(now):
        return None
    return _measure(then, now, largest_difference, columns)


def _measure(
    then: np.ndarray, now: np.ndarray, distance: Distance, columns: int
) -> Measured:
    values, index = np.unique(np.concatenate([then, now]), return_inverse=True)
    before = np.bincount(index[: len(then)], minlength=len(values))
    after = np.bincount(index[len(then) :], minlength=len(values))
    # If both came from one source, any clips of the pool might be the new ones.
    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        before + after, len(now), size=_DRAWS
    )
    chance = distance(before + after - drawn, drawn)
    return Measured(
        float(distance(before, after)),
        float(np.quantile(chance, 1 - _LEVEL / max(columns, 1))),
    )


def _shares(counts: Counts) -> np.ndarray:
    return counts / counts.sum(axis=-1, keepdims=True)


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / q), 0)
    return terms.sum(axis=-1)
