"""BLEU (Papineni et al., 2002) of a corpus and of single captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_models.metrics.ngrams import ORDERS, Counts, ReferenceNgrams

STATISTICS = 2 * ORDERS + 2
# What the COCO caption evaluation adds to stay defined where nothing matches.
_SMALL, _TINY = 1e-9, 1e-15


def statistics(
    references: ReferenceNgrams,
    clips: np.ndarray,
    lengths: np.ndarray,
    counts: Sequence[Counts],
) -> np.ndarray:
    """What BLEU counts of N captions: (N, 10) int64, additive over a corpus.

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
        found, where = postings.find(clips[row], gram)
        row, where = row[found], where[found]
        clipped = np.minimum(count[found], postings.most[where])
        table[:, order] = np.bincount(row, clipped, len(clips))
        table[:, ORDERS + order] = np.maximum(lengths - order, 0)
    table[:, -2] = lengths
    table[:, -1] = _closest(references, clips, lengths)
    return table


def combine(statistics: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4 of (…, 10) statistics, of captions or their sums: (…, 4)."""
    matched, possible = statistics[..., :ORDERS], statistics[..., ORDERS : 2 * ORDERS]
    precision = (matched + _TINY) / (possible + _SMALL)
    mean = np.cumprod(precision, axis=-1) ** (1.0 / np.arange(1, ORDERS + 1))
    return mean * _brevity(statistics)[..., np.newaxis]


def smoothed(statistics: np.ndarray) -> np.ndarray:
    """BLEU-4 of single captions for rewards: (…,) float64.

    One is added to matches and possible matches of the orders 2 to 4 (Lin and Och,
    2004), so that a caption without a matching 4-gram is not as bad as one without a
    matching word.
    """
    add = np.array([0, 1, 1, 1])
    matched = statistics[..., :ORDERS] + add
    possible = np.maximum(statistics[..., ORDERS : 2 * ORDERS] + add, 1)
    mean = np.prod(matched / possible, axis=-1) ** (1.0 / ORDERS)
    return mean * _brevity(statistics)


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
