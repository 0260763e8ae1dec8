"""GARU from the equations of Chen and Jiang (2019), Eq. 6, one frame after another."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def garu(rough, summary, mask, w, u, v):
    """(T, S) rough maps, (T, D) means, (T,) mask → (T, S) maps of one clip.

    `w` and `u` map r, z, h to (S, S) matrices and `v` maps r, z to (S, D) matrices; all
    multiply column vectors from the left.
    """
    h = np.zeros(rough.shape[1])
    maps = []
    for a, g, there in zip(rough, summary, mask, strict=True):
        if there:
            r = sigmoid(w["r"] @ a + u["r"] @ h + v["r"] @ g)
            z = sigmoid(w["z"] @ a + u["z"] @ h + v["z"] @ g)
            new = np.tanh(w["h"] @ a + r * (u["h"] @ h))
            h = h * z + new * (1 - z)
        maps.append(h)
    return np.stack(maps)
