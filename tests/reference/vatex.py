"""The VATEX-2019 system (Chen et al., 2019), Sec. 2.1 and Eq. 1–5, one clip."""

import numpy as np

from tests.reference.additive_attention import additive_attention, softmax
from tests.reference.lstm import lstm


def summary(features, w, b):
    """v̄ of the means over time of some (N, D) features; an empty one counts as 0."""
    means = [f.mean(axis=0) if len(f) else np.zeros(f.shape[1]) for f in features]
    return w @ np.concatenate(means) + b


def step(token, state, video, items, mask, weights):
    """→ (V,) probabilities, the next (h1, c1, h2, c2), and (M,) attention weights.

    `weights` maps names to matrices that multiply column vectors from the left:
    `embedding` (V, E), `lower` and `upper` (w, u, b) of the LSTMs, `attention` as in
    `additive_attention` or None, `words` (w, b).
    """
    h1, c1, h2, c2 = state
    word = weights["embedding"][token]
    h1, c1 = lstm(np.concatenate([video, word, h2]), h1, c1, *weights["lower"])
    alpha, inputs = np.zeros(0), [h1]
    if weights["attention"]:
        c, alpha = additive_attention(h1, items, mask, *weights["attention"])
        inputs = [c, h1]
    h2, c2 = lstm(np.concatenate(inputs), h2, c2, *weights["upper"])
    w, b = weights["words"]
    return softmax(w @ h2 + b), (h1, c1, h2, c2), alpha
