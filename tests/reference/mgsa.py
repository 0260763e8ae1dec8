"""MGSA's encoder after the rough maps (Chen and Jiang, 2019), one clip at a time."""

import numpy as np

from tests.reference.additive_attention import softmax


def attend(maps, regions, mask):
    """(T, S) maps, (T, S, D) regions, (T,) mask → Eq. 7 weights and Eq. 8 frames."""
    weights, frames = np.zeros(maps.shape), np.zeros((len(maps), regions.shape[2]))
    for n in np.flatnonzero(mask):
        weights[n] = softmax(maps[n])
        for cell, weight in enumerate(weights[n]):
            frames[n] += weight * regions[n, cell]
    return weights, frames
