"""Additive attention of Chen and Jiang (2019), Eq. 9 and 11, one frame at a time."""

import numpy as np


def softmax(scores):
    powers = np.exp(scores - np.max(scores))
    return powers / powers.sum()


def energy(query, item, w, u, b, score):
    """How well one (D,) item fits the (Q,) query."""
    return score @ np.tanh(w @ query + u @ item + b)


def additive_attention(query, frames, mask, w, u, b, score, values=None):
    """(Q,) query, (T, D) frames, (T,) mask → (C,) vector, (T,) weights of one clip.

    `w` is (A, Q), `u` (A, D), `b` and `score` (A,); `values` (T, C), else `frames`.
    """
    values = frames if values is None else values
    weights = np.zeros(len(frames))
    there = np.flatnonzero(mask)
    if len(there):
        energies = [energy(query, frames[n], w, u, b, score) for n in there]
        weights[there] = softmax(np.array(energies))
    vector = np.zeros(values.shape[1])
    for n, weight in enumerate(weights):
        vector += weight * values[n]
    return vector, weights
