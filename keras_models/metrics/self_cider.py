"""Self-CIDEr (Wang and Chan, 2019): how much several captions of a clip differ."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from keras_models.metrics.ngrams import ORDERS

Gram = tuple[str, ...]


def self_cider(clips: Sequence[Sequence[str]]) -> float:
    """Returns the mean over clips of how diverse each one's captions are, from 0 to 1.

    The similarity of two captions is the cosine of their tf-idf weighted n-grams, as in
    CIDEr. Of the m eigenvalues λ of a clip's matrix of similarities, the diversity is
    −log(√λ₁ / Σ √λᵢ) / log m: 0 if all captions say the same, 1 if they share nothing.

    Args:
        clips: The captions of each clip; clips with fewer than two count for nothing.

    Notes:
        Document frequencies are those of these captions, not of references, so that
        captions without references have a value, too.
    """
    counted = [[_counts(text.lower().split()) for text in texts] for texts in clips]
    documents: collections.Counter[Gram] = collections.Counter()
    for captions in counted:
        grams = (gram for orders in captions for counts in orders for gram in counts)
        documents.update(set(grams))
    values = [
        _diversity(_similarities(captions, documents, len(counted)))
        for captions in counted
        if len(captions) > 1
    ]
    return float(np.mean(values)) if values else 0.0


def _counts(words: Sequence[str]) -> list[collections.Counter[Gram]]:
    return [
        collections.Counter(zip(*(words[start:] for start in range(order))))  # noqa: B905
        for order in range(1, ORDERS + 1)
    ]


def _similarities(
    captions: Sequence[Sequence[Mapping[Gram, int]]],
    documents: Mapping[Gram, int],
    clips: int,
) -> np.ndarray:
    """Returns the (m, m) mean cosines of a clip's captions over the orders."""
    total = np.zeros((len(captions), len(captions)))
    for counts in zip(*captions, strict=True):  # of one order, m captions
        grams = {gram: column for column, gram in enumerate(set().union(*counts))}
        weights = np.zeros((len(captions), len(grams)))
        for row, some in enumerate(counts):
            for gram, times in some.items():
                weights[row, grams[gram]] = times * np.log(clips / documents[gram])
        norms = np.linalg.norm(weights, axis=1, keepdims=True)
        weights /= np.where(norms > 0, norms, 1.0)
        total += weights @ weights.T
    return total / ORDERS


def _diversity(similarities: np.ndarray) -> float:
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(similarities), 0, None))
    if not roots.sum():
        return 0.0
    return float(-np.log(roots.max() / roots.sum()) / np.log(len(roots))) + 0.0
