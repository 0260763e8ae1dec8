"""ROUGE-L (Lin, 2004) of many captions at once, by bit-parallel subsequences."""

from __future__ import annotations

import numpy as np

from keras_models.metrics.metric import (
    Candidates,
    MeanMetric,
    References,
    TokenReward,
)
from keras_models.metrics.ngrams import TokenSequences

_BETA = 1.2  # as in the COCO caption evaluation
_BLOCK = 1 << 14  # pairs of sentences compared at a time


class RougeL(MeanMetric):
    """ROUGE-L, with the COCO evaluation's weight of recall."""

    name = "ROUGE-L"

    @property
    def token_reward(self) -> TokenReward:
        return self.per_clip

    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        pairs = references.ngrams.pairs(candidates.clips)
        return score(candidates.lines, references.lines, *pairs)[:, np.newaxis]


def score(
    candidates: TokenSequences,
    references: TokenSequences,
    candidate: np.ndarray,
    reference: np.ndarray,
) -> np.ndarray:
    """Returns the ROUGE-L of N captions: (N,) float64.

    The largest precision and the largest recall over a caption's references, not
    necessarily of the same one, are joined to an F-measure with β = 1.2.

    Args:
        candidates: N captions.
        references: R references.
        candidate: (Q,) rows of `candidates`, in order.
        reference: (Q,) rows of `references`: those that each caption is compared with,
            one at least.
    """
    common = longest_common_subsequence(candidates, references, candidate, reference)
    first = np.flatnonzero(np.diff(candidate, prepend=-1))
    if not len(first):
        return np.zeros(0)
    # A sentence without words has neither precision nor recall.
    ours = np.maximum(candidates.lengths[candidate], 1)
    theirs = np.maximum(references.lengths[reference], 1)
    precision = np.maximum.reduceat(common / ours, first)  # (N,)
    recall = np.maximum.reduceat(common / theirs, first)
    top = (1 + _BETA**2) * precision * recall
    bottom = recall + _BETA**2 * precision
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def longest_common_subsequence(
    candidates: TokenSequences,
    references: TokenSequences,
    candidate: np.ndarray,
    reference: np.ndarray,
) -> np.ndarray:
    """Returns the lengths of the longest common subsequences of (Q,) pairs of rows."""
    parts = []
    for start in range(0, len(candidate), _BLOCK):
        block = slice(start, start + _BLOCK)
        ours = candidates.padded(candidate[block], -1)  # (block, L)
        theirs = references.padded(reference[block], -2)  # (block, L')
        parts.append(_common(ours, theirs))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _common(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Runs Hyyrö's (2004) recurrence over 64 words of the references at a time.

    Bit i of `free` is 0 where the longest common subsequence grows at word i of the
    reference: free ← (free + (free & match)) | (free & ~match).
    """
    Q, L = ours.shape
    blocks = -(-theirs.shape[1] // 64)
    matches = np.zeros((L, Q, 8 * blocks), np.uint8)
    for word in range(L):
        equal = theirs == ours[:, word, np.newaxis]  # (Q, L')
        packed = np.packbits(equal, axis=1, bitorder="little")
        matches[word, :, : packed.shape[1]] = packed
    matches = matches.view("<u8")  # (L, Q, blocks)
    free = np.full((blocks, Q), ~np.uint64(0))
    for word in range(L):
        carry = np.zeros(Q, np.uint64)
        for block in range(blocks):
            match, old = matches[word, :, block], free[block]
            taken = old & match
            total = old + taken
            over = total < old
            total += carry
            carry = (over | (total < carry)).astype(np.uint64)
            free[block] = total | (old & ~match)
    bits = np.unpackbits(np.ascontiguousarray(~free).view(np.uint8), axis=1)
    return bits.reshape(blocks, Q, 64).sum(axis=(0, 2), dtype=np.int64)
