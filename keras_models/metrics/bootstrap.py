"""How far a corpus' scores would move with other clips (Efron, 1979; Koehn, 2004)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_models.metrics.scorer import Measured

_BLOCK = 1 << 22  # counts held at a time


class Interval(NamedTuple):
    """A score and the interval that its resampled values fall into."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """Candidate minus baseline on the same clips, and how sure its sign is."""

    value: float
    low: float
    high: float
    better: float  # share of the resampled corpora in which the candidate is ahead


def intervals(
    measured: Measured, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of the corpus' scores over resampled clips.

    Args:
        measured: The captions' statistics.
        samples: Number of resampled corpora.
        confidence: Share of them inside the interval.
        seed: Of the resampling.
    """
    drawn = _draw(measured, samples, seed)
    values = measured.corpus()
    return {
        name: Interval(values[name], *_bounds(drawn[name], confidence))
        for name in measured.metrics
    }


def differences(
    candidate: Measured,
    baseline: Measured,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Difference]:
    """Paired: both models are scored on the same resampled clips.

    Raises:
        ValueError: The two have not scored the same clips in the same order.
    """
    if candidate.ids != baseline.ids:
        raise ValueError(
            "a paired comparison needs the same clips in the same order; received "
            f"{len(candidate.ids)} and {len(baseline.ids)} clips"
        )
    ours, theirs = _draw(candidate, samples, seed), _draw(baseline, samples, seed)
    now, before = candidate.corpus(), baseline.corpus()
    found = {}
    for name in candidate.metrics:
        if name in theirs:
            drawn = ours[name] - theirs[name]
            found[name] = Difference(
                now[name] - before[name],
                *_bounds(drawn, confidence),
                float((drawn > 0).mean()),
            )
    return found


def _draw(measured: Measured, samples: int, seed: int) -> dict[str, np.ndarray]:
    parts = [measured.resampled(counts) for counts in _counts(measured, samples, seed)]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in measured.metrics
    }


def _counts(measured: Measured, samples: int, seed: int) -> Iterator[np.ndarray]:
    """(samples, N) times that each clip was drawn, in blocks."""
    random = np.random.default_rng(seed)
    clips = len(measured.ids)
    block = max(1, _BLOCK // clips)
    for at in range(0, samples, block):
        size = min(block, samples - at)
        yield random.multinomial(clips, np.full(clips, 1 / clips), size)


def _bounds(drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)
