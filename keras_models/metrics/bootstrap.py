"""Bootstrap intervals of scores over clips (Efron, 1979; Koehn, 2004)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from keras_models.metrics import METRICS
from keras_models.metrics.scorer import MetricStatistics

_BLOCK = 1 << 22  # counts multiplied at a time
_KEPT = 1 << 26  # counts of one drawing that are kept for the next comparison


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
    worse: float  # share of those in which it is behind
    samples: int  # how many resampled corpora there are

    @property
    def p_fall(self) -> float:
        """The one-sided p-value of a fall: small where hardly a draw shows none."""
        return (self.samples * (1 - self.worse) + 1) / (self.samples + 1)


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
    (drawn,) = _draw([statistics], samples, seed)
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
    ours, theirs = _draw([candidate, baseline], samples, seed)
    our_scores, their_scores = candidate.corpus(), baseline.corpus()
    result = {}
    for name in candidate.metrics:
        if name in theirs:
            drawn = ours[name] - theirs[name]
            gain = drawn if METRICS[name].higher_is_better else -drawn
            low, high = _bounds(drawn, confidence)
            result[name] = Difference(
                value=our_scores[name] - their_scores[name],
                low=low,
                high=high,
                better=float((gain > 0).mean()),
                worse=float((gain < 0).mean()),
                samples=samples,
            )
    return result


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Tells which of several hypotheses fall, all of them wrong at most at `level`.

    (Holm, 1979.) The smallest p-value is held against `level` / count, the next against
    `level` / (count - 1) and so on, until one is not small enough.
    """
    fallen = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - rank):
            break
        fallen[index] = True
    return fallen


def _draw(
    models: Sequence[MetricStatistics], samples: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Returns each model's scores of the same resampled corpora, by metric."""
    parts = [
        [statistics.bootstrap(counts) for statistics in models]
        for counts in _counts(len(models[0].ids), samples, seed)
    ]
    return [
        {name: np.concatenate([part[name] for part in model]) for name in model[0]}
        for model in zip(*parts, strict=True)
    ]


def _counts(clips: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """Yields how often each clip was drawn, (samples, N) in blocks of samples.

    Drawing takes longer than the products, and models are compared on the same clips
    again and again: what fits is drawn once.
    """
    block = max(1, _BLOCK // clips)
    if clips * samples <= _KEPT:
        drawn = _kept(clips, samples, seed)
        for start in range(0, samples, block):
            yield drawn[start : start + block].astype(np.float64)
        return
    random = np.random.default_rng(seed)
    for start in range(0, samples, block):
        yield _multinomial(random, clips, min(block, samples - start))


@functools.lru_cache(maxsize=4)
def _kept(clips: int, samples: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // clips)
    drawn = np.empty((samples, clips), np.min_scalar_type(clips))
    for start in range(0, samples, block):
        rows = drawn[start : start + block]
        rows[:] = _multinomial(random, clips, len(rows))
    return drawn


def _multinomial(random: np.random.Generator, clips: int, samples: int) -> np.ndarray:
    return random.multinomial(clips, np.full(clips, 1 / clips), samples)


def _bounds(drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)
