"""Bootstrap intervals of scores over clips (Efron, 1979; Koehn, 2004)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_models.metrics import METRICS
from keras_models.metrics.scorer import MetricStatistics

_BLOCK = 1 << 22  # counts held at a time


class Interval(NamedTuple):
    """A score and the interval that its resampled values fall into."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A candidate's score minus a baseline's on the same clips, with an interval."""

    value: float
    low: float
    high: float
    better: float  # share of the resampled corpora in which the candidate is ahead


def intervals(
    statistics: MetricStatistics,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Estimates percentile intervals of a corpus' scores over resampled clips.

    Args:
        statistics: What the metrics counted of the captions.
        samples: Number of resampled corpora.
        confidence: Share of the resampled scores that lie inside the interval.
        seed: Makes the resampling repeatable.
    """
    drawn = _draw(statistics, samples, seed)
    values = statistics.corpus()
    return {
        name: Interval(values[name], *_bounds(drawn[name], confidence))
        for name in statistics.metrics
    }


def differences(
    candidate: MetricStatistics,
    baseline: MetricStatistics,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compares two models on the same resampled clips (a paired bootstrap).

    Raises:
        ValueError: The two have not scored the same clips in the same order.
    """
    if candidate.ids != baseline.ids:
        raise ValueError(
            "a paired comparison needs the same clips in the same order; received "
            f"{len(candidate.ids)} and {len(baseline.ids)} clips"
        )
    ours, theirs = _draw(candidate, samples, seed), _draw(baseline, samples, seed)
    our_scores, their_scores = candidate.corpus(), baseline.corpus()
    result = {}
    for name in candidate.metrics:
        if name in theirs:
            drawn = ours[name] - theirs[name]
            ahead = drawn > 0 if METRICS[name].higher_is_better else drawn < 0
            low, high = _bounds(drawn, confidence)
            result[name] = Difference(
                value=our_scores[name] - their_scores[name],
                low=low,
                high=high,
                better=float(ahead.mean()),
            )
    return result


def _draw(
    statistics: MetricStatistics, samples: int, seed: int
) -> dict[str, np.ndarray]:
    parts = [
        statistics.bootstrap(counts)
        for counts in _counts(len(statistics.ids), samples, seed)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in statistics.metrics
    }


def _counts(clips: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """Yields how often each clip was drawn, (samples, N) in blocks of samples."""
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // clips)
    for start in range(0, samples, block):
        size = min(block, samples - start)
        yield random.multinomial(clips, np.full(clips, 1 / clips), size)


def _bounds(drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)
