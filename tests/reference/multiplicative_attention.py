"""Multiplicative attention of Shi et al. (2019), Eq. 14–16, one item at a time."""

import numpy as np

from tests.reference.additive_attention import softmax


def multiplicative_attention(query, items, w_q, w_v, score):
    """(Q,) query, (N, D) items → (D,) vector, (N,) weights, (N,) energies of one clip.

    `w_q` is (A, Q), `w_v` (A, D) and `score` (A,). All items are there; their common
    bias is left out.
    """
    energies = [score @ np.tanh((w_q @ query) * (w_v @ item)) for item in items]
    weights = softmax(np.array(energies))
    vector = np.zeros(items.shape[1])
    for weight, item in zip(weights, items, strict=True):
        vector += weight * item
    return vector, weights, np.array(energies)
