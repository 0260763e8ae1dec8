"""BLEU (Papineni et al., 2002) of a corpus and of single captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_models.metrics.metric import Candidates, Metric, References, TokenReward
from keras_models.metrics.ngrams import ORDERS, Counts, ReferenceNgrams

STATISTICS = 2 * ORDERS + 2
# The COCO caption evaluation adds these to stay defined where nothing matches.
_SMALL, _TINY = 1e-9, 1e-15


class Bleu(Metric):
    """BLEU of the n-grams up to an order, with the COCO evaluation's smoothing.

    Args:
        order: 1 to 4. BLEU-4 alone is a reward: it is the one that papers optimise.
    """

    def __init__(self, order: int):
        self.name = f"BLEU-{order}"
        self._order = order

    @property
    def token_reward(self) -> TokenReward | None:
        return _smoothed_reward if self._order == ORDERS else None

    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        return candidates.derived(_candidate_matches)

    def combine(self, statistics: np.ndarray, clips: np.ndarray) -> np.ndarray:
        return scores(statistics)[..., self._order - 1]


def match_counts(
    references: ReferenceNgrams,
    clips: np.ndarray,
    lengths: np.ndarray,
    counts: Sequence[Counts],
) -> np.ndarray:
    """Counts the matches and lengths of N captions: (N, 10) int64, additive.

    Columns: matched 1- to 4-grams, their number in the caption, the caption's length,
    the reference's length closest to it (of two the shorter).

    Args:
        references: The corpus.
        clips: (N,) the clip that a caption describes, a row of the corpus.
        lengths: (N,) the captions' words.
        counts: The captions' n-grams, from `references.count`.
    """
    table = np.zeros((len(clips), STATISTICS), np.int64)
    for order in range(ORDERS):
        row, gram, count = counts[order]
        postings = references.orders[order]
        matches, position = postings.find(clips[row], gram)
        row, position = row[matches], position[matches]
        clipped = np.minimum(count[matches], postings.most[position])
        table[:, order] = np.bincount(row, clipped, len(clips))
        table[:, ORDERS + order] = np.maximum(lengths - order, 0)
    table[:, -2] = lengths
    table[:, -1] = _closest(references, clips, lengths)
    return table


def scores(statistics: np.ndarray) -> np.ndarray:
    """Returns BLEU-1 to BLEU-4 of (…, 10) counts of captions or corpora: (…, 4)."""
    matched, possible = statistics[..., :ORDERS], statistics[..., ORDERS : 2 * ORDERS]
    precision = (matched + _TINY) / (possible + _SMALL)
    mean = np.cumprod(precision, axis=-1) ** (1.0 / np.arange(1, ORDERS + 1))
    return mean * _brevity(statistics)[..., np.newaxis]


def smoothed(statistics: np.ndarray) -> np.ndarray:
    """Returns the BLEU-4 of single captions as a reward: (…,) float64.

    One is added to matches and possible matches of the orders 2 to 4 (Lin and Och,
    2004), so that a caption without a matching 4-gram is not as bad as one without a
    matching word.
    """
    add = np.array([0, 1, 1, 1])
    matched = statistics[..., :ORDERS] + add
    possible = np.maximum(statistics[..., ORDERS : 2 * ORDERS] + add, 1)
    mean = np.prod(matched / possible, axis=-1) ** (1.0 / ORDERS)
    return mean * _brevity(statistics)


def _candidate_matches(candidates: Candidates) -> np.ndarray:
    return match_counts(
        candidates.references.ngrams,
        candidates.clips,
        candidates.sentences.lengths,
        candidates.counts,
    )


def _smoothed_reward(candidates: Candidates, references: References) -> np.ndarray:
    del references  # the candidates know them
    return smoothed(candidates.derived(_candidate_matches))


def _brevity(statistics: np.ndarray) -> np.ndarray:
    ratio = (statistics[..., -2] + _TINY) / (statistics[..., -1] + _SMALL)
    return np.exp(np.minimum(1.0 - 1.0 / ratio, 0.0))


def _closest(
    references: ReferenceNgrams, clips: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    candidate, reference = references.pairs(clips)
    length = references.sentences.lengths[reference]
    difference = np.abs(length - lengths[candidate])
    # The smallest difference first, then the smallest length, in one number.
    ranked = difference << 32 | length
    first = np.flatnonzero(np.diff(candidate, prepend=-1))
    return np.minimum.reduceat(ranked, first) & 0xFFFFFFFF if len(first) else lengths
