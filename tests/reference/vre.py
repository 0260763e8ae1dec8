"""VRE from Shi et al. (2019), one clip without padding at a time."""

import numpy as np

from tests.reference.additive_attention import softmax
from tests.reference.gru import gru
from tests.reference.lstm import lstm
from tests.reference.multiplicative_attention import multiplicative_attention


def kbigru(frames, i, left, right, w_c, b_c):
    """Eq. 5–7: (K, D) frames, key frame i → (U,). `left`, `right`: (w, u, b)."""
    units = left[1].shape[1]
    to_first = np.zeros(units)
    for j in range(i, -1, -1):
        to_first = gru(frames[j], to_first, *left)
    to_last = np.zeros(units)
    for j in range(i, len(frames)):
        to_last = gru(frames[j], to_last, *right)
    return np.tanh(w_c @ np.concatenate([to_first, to_last]) + b_c)


def encode(grid, sound, weights):
    """Eq. 2, 3 and Alg. 1: (K, H, W, D) grid, (A,) sound → all that is computed.

    `weights` maps: `kbigru` (left, right, w_c, b_c); `adapt` and `merge` (w, b);
    `refocus` (w_o, w_v, w_alpha).
    """
    count, rows, columns, width = grid.shape
    frames = np.zeros((count, width))
    places = np.zeros((rows * columns, width))
    for k in range(count):
        for n in range(rows):
            for m in range(columns):
                frames[k] += grid[k, n, m] / (rows * columns)
                places[n * columns + m] += grid[k, n, m] / count
    w_a, b_a = weights["adapt"]
    w_m, b_m = weights["merge"]
    h1 = kbigru(frames, count // 2, *weights["kbigru"])
    o1 = np.tanh(w_a @ np.concatenate([h1, sound]) + b_a)
    _, alpha, _ = multiplicative_attention(o1, frames, *weights["refocus"])
    key = int(np.argmax(alpha))
    h2 = kbigru(frames, key, *weights["kbigru"])
    merged = np.tanh(w_m @ np.concatenate([h1, h2]) + b_m)
    o2 = np.tanh(w_a @ np.concatenate([merged, sound]) + b_a)
    return {
        "frames": frames,
        "places": places,
        "o1": o1,
        "alpha": alpha,
        "key": key,
        "o2": o2,
    }


def start(o):
    """Alg. 2: h_{−1} and c_{−1}."""
    return np.zeros_like(o), o


def step(word, state, o, frames, places, sound, weights):
    """Alg. 2, one word: → (V,) probabilities, the next (h, c), α^T and α^S.

    `word` is None before the first word, else the id of the last one. `weights` maps:
    `temporal`, `spatial` (w_h, w_v, w_beta); `lstm` (w, u, b) of
    [v^T, v^S, v^a, u]; `embedding` (V, E); `words` (w, b).
    """
    h, c = state
    query = np.concatenate([o, h])
    temporal, alpha_t, _ = multiplicative_attention(query, frames, *weights["temporal"])
    spatial, alpha_s, _ = multiplicative_attention(query, places, *weights["spatial"])
    u = o if word is None else weights["embedding"][word]
    h, c = lstm(np.concatenate([temporal, spatial, sound, u]), h, c, *weights["lstm"])
    w, b = weights["words"]
    return softmax(w @ h + b), (h, c), alpha_t, alpha_s
