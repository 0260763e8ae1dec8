"""CIDEr-D (Vedantam et al., 2015) of many captions at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_models.metrics.metric import (
    Candidates,
    MeanMetric,
    References,
    TokenReward,
)
from keras_models.metrics.ngrams import ORDERS, Counts, ReferenceNgrams

_SIGMA = 6.0  # Sec. 5: the Gaussian penalty's width, in words


class CiderD(MeanMetric):
    """CIDEr-D, whose document frequencies are those of all references."""

    name = "CIDEr-D"

    @property
    def token_reward(self) -> TokenReward:
        return self.per_clip

    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        values = references.derived(_weigh).score(
            candidates.clips, candidates.sentences.lengths, candidates.counts
        )
        return values[:, np.newaxis]


class ReferenceWeights:
    """Scores captions by the tf-idf-weighted n-grams that they share with references.

    Document frequencies, and every reference's n-gram weights and their norms, depend
    on the references alone and are computed once. Document frequencies are those of
    all clips in `references`, also where `score` is asked for a few of them.

    Args:
        references: The corpus.

    Notes:
        As in the authors' code, a caption's length is its number of bigrams; the mean
        over the orders 1 to 4 is scaled by 10.
    """

    def __init__(self, references: ReferenceNgrams):
        self._references = references
        corpus = np.log(float(len(references)))
        self._idf = tuple(
            corpus - np.log(np.maximum(1.0, postings.documents))
            for postings in references.orders
        )
        self._unknown_idf = corpus
        self._weights = tuple(  # (E,) of each order's entries
            postings.times * idf[postings.gram]
            for postings, idf in zip(references.orders, self._idf, strict=True)
        )
        rows = len(references.sentences.lengths)
        self._norms = tuple(  # (R,) of each order
            np.sqrt(np.bincount(postings.reference, weights**2, rows))
            for postings, weights in zip(references.orders, self._weights, strict=True)
        )
        self._bigrams = np.maximum(references.sentences.lengths - 1, 0)  # (R,)

    def score(
        self, clips: np.ndarray, lengths: np.ndarray, counts: Sequence[Counts]
    ) -> np.ndarray:
        """Scores N captions: (N,) float64.

        Args:
            clips: (N,) the clip that a caption describes, a row of the corpus.
            lengths: (N,) the captions' words.
            counts: The captions' n-grams, from `references.count`.
        """
        N = len(clips)
        sizes = self._references.sizes[clips]
        candidate, reference = self._references.pairs(clips)  # (Q,)
        # Pair (candidate, reference r of its clip) is number shift[candidate] + r.
        shift = np.cumsum(sizes) - sizes - self._references.offsets[clips]
        total = np.zeros(len(candidate))
        for order in range(ORDERS):
            row, gram, count = counts[order]
            known = self._idf[order]
            weight = np.full(len(gram), self._unknown_idf)
            inside = gram < len(known)
            weight[inside] = known[gram[inside]]
            weight *= count
            norm = np.sqrt(np.bincount(row, weight**2, N))  # (N,)
            # Eq. 9: Σ min(candidate's weight, reference's) · reference's weight.
            owner, entry = self._shared(order, clips[row], gram)
            theirs = self._weights[order][entry]
            product = np.minimum(weight[owner], theirs) * theirs
            pair = shift[row[owner]] + self._references.orders[order].reference[entry]
            similarity = np.bincount(pair, product, len(candidate))
            similarity = similarity.astype(np.float64)  # of nothing it is integers
            norms = norm[candidate] * self._norms[order][reference]
            total += similarity / np.where(norms > 0, norms, 1.0)
        delta = np.maximum(lengths - 1, 0)[candidate] - self._bigrams[reference]
        total *= np.exp(-(delta**2) / (2 * _SIGMA**2))
        return 10.0 * np.bincount(candidate, total, N) / (ORDERS * sizes)

    def _shared(
        self, order: int, clips: np.ndarray, grams: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs each of (M,) n-grams with the references' entries of it."""
        postings = self._references.orders[order]
        matches, position = postings.find(clips, grams)
        owner = np.flatnonzero(matches)
        first = postings.starts[position[owner]]
        sizes = postings.starts[position[owner] + 1] - first
        ends = np.cumsum(sizes)
        entry = np.arange(ends[-1] if len(ends) else 0)
        entry += np.repeat(first - (ends - sizes), sizes)
        return np.repeat(owner, sizes), entry


def _weigh(references: References) -> ReferenceWeights:
    return ReferenceWeights(references.ngrams)
