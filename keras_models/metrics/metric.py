"""`Metric`: the interface of caption metrics, and the captions that they read."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from keras_models.metrics.ngrams import Counts, ReferenceNgrams, TokenSequences

T = TypeVar("T")


class References(abc.ABC):
    """The references of C clips, in every form in which a metric may read them.

    Each form is made when a metric first asks for it, and kept.
    """

    @property
    @abc.abstractmethod
    def ngrams(self) -> ReferenceNgrams:
        """The n-grams of the references' words; `ngrams.sentences` are the words."""

    @property
    @abc.abstractmethod
    def lines(self) -> TokenSequences:
        """The references' words as ROUGE-L splits them: at every single space."""

    @property
    @abc.abstractmethod
    def texts(self) -> Sequence[Sequence[str]]:
        """Each clip's references, as tokens that are joined by spaces."""

    def derived(self, build: Callable[[References], T]) -> T:
        """Returns `build(self)`, which is computed once for these references."""
        return _computed_once(self, build)


class Candidates(abc.ABC):
    """N captions to score, each of a clip that has references.

    Args:
        references: The references of all clips.
        clips: (N,) int64, each caption's clip: a row of the references.
    """

    def __init__(self, references: References, clips: np.ndarray):
        self.references = references
        self.clips = clips

    @property
    @abc.abstractmethod
    def sentences(self) -> TokenSequences:
        """The captions' words, numbered as in `references.ngrams`."""

    @property
    @abc.abstractmethod
    def lines(self) -> TokenSequences:
        """The captions' words as ROUGE-L splits them, numbered as the references'."""

    @property
    @abc.abstractmethod
    def texts(self) -> Sequence[str]:
        """The captions, each as tokens that are joined by spaces."""

    @functools.cached_property
    def counts(self) -> tuple[Counts, ...]:
        """The captions' n-grams, one `Counts` for each order from 1 to 4."""
        return self.references.ngrams.count(self.sentences)

    def derived(self, build: Callable[[Candidates], T]) -> T:
        """Returns `build(self)`, which is computed once for these captions."""
        return _computed_once(self, build)


TokenReward = Callable[[Candidates, References], np.ndarray]


class Metric(abc.ABC):
    """A caption metric whose corpus score follows from sums over the clips.

    Every metric has a row in `keras_models.metrics.METRICS`; the scorer, the bootstrap,
    the Evaluator's metrics and gates, and the rewards of reinforcement learning read
    that table and know no metric by name.
    """

    name: str  # the metric's one name, as papers write it
    higher_is_better: bool = True
    # A reward of such a metric needs the vocabulary, to turn ids into words.
    reads_texts: bool = False

    @abc.abstractmethod
    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        """Returns what the metric counts of each of N captions: (N, S).

        The rows of several captions add up to the statistics of their corpus.
        """

    @abc.abstractmethod
    def combine(self, statistics: np.ndarray, clips: np.ndarray) -> np.ndarray:
        """Returns the scores of (…) corpora, fractions where papers print percents.

        Args:
            statistics: (…, S) sums of the rows of the corpora's clips.
            clips: (…) how many clips each corpus has.
        """

    @property
    def token_reward(self) -> TokenReward | None:
        """The function that rewards sampled captions, (N,) float64, or None.

        A metric that has one may be a part of the reward of `SelfCritical`. There the
        captions are token ids, of which <eos> is a word like any other.
        """
        return None

    def per_clip(self, candidates: Candidates, references: References) -> np.ndarray:
        """Returns each caption's score as a corpus of its own: (N,) float64."""
        rows = self.statistics(candidates, references)
        return self.combine(rows, np.ones(len(rows)))


class MeanMetric(Metric):
    """A metric whose corpus score is the mean of the scores of the clips.

    Its `statistics` are the clips' scores, (N, 1).
    """

    def combine(self, statistics: np.ndarray, clips: np.ndarray) -> np.ndarray:
        return statistics[..., 0] / clips


def _computed_once(owner: Any, build: Callable[[Any], T]) -> T:
    values = owner.__dict__.setdefault("_derived", {})
    if build not in values:
        values[build] = build(owner)
    return values[build]
