"""`Evidence`: what was measured of a model, which is all that the gates know of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from keras_models.metrics import METRICS, bootstrap, diversity
from keras_models.metrics.bootstrap import Difference
from keras_models.metrics.scorer import MetricStatistics
from transform.common.config import Config, Field


class Captioned(NamedTuple):
    """A model's captions of clips, and what the metrics counted of them."""

    name: str  # as a sentence calls the model: "version 7"
    captions: Mapping[str, str]  # by clip
    statistics: MetricStatistics  # of the captions that have references

    def value(self, name: str, clips: Collection[str] | None = None) -> float:
        """Returns a metric, or a property of the captions, of all or of some clips."""
        if name in METRICS:
            some = self.statistics if clips is None else self.statistics.take(clips)
            rows = some.statistics[name]
            return float(METRICS[name].combine(rows.sum(0), np.array(len(rows))))
        wanted = self.captions.keys() if clips is None else clips
        texts = [self.captions[clip] for clip in wanted if clip in self.captions]
        return float(diversity.PROPERTIES[name](texts))


class Cost(NamedTuple):
    """What captions of a model cost on this machine."""

    cpu_p95: float  # CPU seconds of one clip's call, the 95th percentile
    calls: int
    bytes: int  # of the model's folder


class Served(NamedTuple):
    """What a server in a process of its own did with the model."""

    problem: str = ""  # why it serves nothing, as a sentence; "" if it serves
    captions: Mapping[str, str] = {}  # its captions of some clips
    peak_bytes: int = 0  # of its memory


class Evidence(NamedTuple):
    """Everything that is known when a model is judged."""

    model: Captioned
    controls: tuple[Captioned, ...]  # captions that need no look at the clip
    log_probs: Mapping[str, float] = {}  # of the model's captions, by clip
    slices: Mapping[str, tuple[str, ...]] = {}  # "category=music" → its clips
    wanted: int = 0  # test clips that the annotations have
    baseline: Captioned | None = None  # the model that is served now
    baseline_note: str = ""  # why there is none, or none that can be compared with
    baseline_clips: int = 0  # test clips that the baseline's own verdict counted
    champion: Captioned | None = None  # the best of all that were ever served
    same_weights: bool = False  # as the baseline
    leaks: Mapping[str, tuple[str, ...]] = {}  # model → its test clips in training
    cost: Cost | None = None
    baseline_cost: Cost | None = None
    served: Served | None = None

    @property
    def clips(self) -> int:
        """How many clips the model's scores are of."""
        return len(self.model.statistics.ids)

    def large_slices(self, min_clips: int) -> dict[str, tuple[str, ...]]:
        """Returns the slices that are large enough to count."""
        return {n: c for n, c in self.slices.items() if len(c) >= min_clips}


class Sampling(Config):
    """The paired bootstrap that all comparisons are made by."""

    samples: int = Field(10_000, ge=100)  # resampled corpora
    confidence: float = Field(0.95, gt=0.5, lt=1)  # of the intervals
    seed: int = 0  # makes the resampling repeatable


class Comparison(NamedTuple):
    """Two models' values of one metric on the clips that both have captioned."""

    metric: str
    ours: float
    theirs: float
    difference: Difference
    clips: int
    of: str  # what the other model is called

    @property
    def gain(self) -> float:
        """How much better this model is, whichever direction is better."""
        return self._signed(self.difference.value)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that the resampled gains fall into."""
        low, high = sorted(
            (self._signed(self.difference.low), self._signed(self.difference.high))
        )
        return low, high

    @property
    def significant_fall(self) -> bool:
        """Whether even the interval's better end is a loss."""
        return self.interval[1] < 0

    @property
    def significant_gain(self) -> bool:
        """Whether even the interval's worse end is a gain."""
        return self.interval[0] > 0

    def _signed(self, value: float) -> float:
        return value if METRICS[self.metric].higher_is_better else -value


def compare(
    ours: Captioned,
    theirs: Captioned,
    metrics: Iterable[str],
    sampling: Sampling,
    clips: Collection[str] | None = None,
) -> list[Comparison]:
    """Compares two models by some metrics, on the clips that both have captioned.

    Args:
        ours: The model that is judged.
        theirs: The model that it is held against.
        metrics: Names of metrics.
        sampling: The bootstrap.
        clips: Only these.

    Returns:
        A comparison for each metric; none if there is no clip in common.
    """
    common = set(ours.statistics.ids) & set(theirs.statistics.ids)
    if clips is not None:
        common &= set(clips)
    if not common:
        return []
    names = [name for name in METRICS if name in set(metrics)]
    our_rows, their_rows = (
        MetricStatistics(some.ids, {name: some.statistics[name] for name in names})
        for some in (side.statistics.take(common) for side in (ours, theirs))
    )
    found = bootstrap.differences(
        our_rows,
        their_rows,
        samples=sampling.samples,
        confidence=sampling.confidence,
        seed=sampling.seed,
    )
    our_scores, their_scores = our_rows.corpus(), their_rows.corpus()
    return [
        Comparison(
            name,
            our_scores[name],
            their_scores[name],
            found[name],
            len(common),
            theirs.name,
        )
        for name in names
    ]
