"""One word of MGSA's decoder (Chen and Jiang, 2019, Eq. 9–12), one clip."""

import numpy as np

from tests.reference.additive_attention import additive_attention, softmax
from tests.reference.lstm import lstm


def step(token, state, frames, mask, weights):
    """→ (V,) probabilities, the next (h1, c1, h2, c2), and (T,) temporal weights.

    `weights` maps names to matrices that multiply column vectors from the left:
    `embedding` (V, E); `lower`, `upper` (w, u, b) of the LSTMs; `attention` as in
    `additive_attention`; `words` (w, b).
    """
    h1, c1, h2, c2 = state
    h1, c1 = lstm(weights["embedding"][token], h1, c1, *weights["lower"])
    query = np.concatenate([h1, h2])
    attended, beta = additive_attention(query, frames, mask, *weights["attention"])
    h2, c2 = lstm(np.concatenate([h1, attended]), h2, c2, *weights["upper"])
    w, b = weights["words"]
    return softmax(w @ h2 + b), (h1, c1, h2, c2), beta
