"""dualAFR (Pu et al., 2018), one clip without padding, one place at a time."""

import itertools

import numpy as np

from tests.reference.additive_attention import softmax
from tests.reference.lstm import lstm


def windows(shape, ratio, window):
    """The cells of `window` around every block's centre: (location, list of cells).

    Block i holds the cells ratio · i … ratio · i + ratio − 1 along every axis of a
    (T, H, W) volume, as pooling from the first cell on has it (appendix, "Convolutional
    Transformation"). Locations are (step, row · columns + column); cells outside the
    volume are left out.
    """
    counts = [-(-size // ratio) for size in shape]
    more = (window - ratio) // 2
    for block in itertools.product(*(range(count) for count in counts)):
        ranges = []
        for at, size in zip(block, shape, strict=True):
            start = at * ratio - more
            ranges.append([c for c in range(start, start + window) if 0 <= c < size])
        step, row, column = block
        yield (step, row * counts[2] + column), list(itertools.product(*ranges))


def grid(shape, ratio, width):
    steps, rows, columns = (-(-size // ratio) for size in shape)
    return np.zeros((steps, rows * columns, width))


def convolved(maps, kernel, bias, ratio):
    """Eq. 3: (T, H, W, C) maps and a (k, k, k, C, D) kernel → (T', S, D)."""
    size = kernel.shape[0]
    reach = (size - 1) // 2
    padded = np.pad(maps, [(reach, reach)] * 3 + [(0, 0)])
    rectified = np.zeros((*maps.shape[:3], kernel.shape[-1]))
    for t, y, x in np.ndindex(*maps.shape[:3]):
        patch = padded[t : t + size, y : y + size, x : x + size]
        rectified[t, y, x] = np.einsum("tyxc,tyxcd->d", patch, kernel) + bias
    rectified = np.maximum(rectified, 0)
    result = grid(maps.shape[:3], ratio, kernel.shape[-1])
    for place, cells in windows(maps.shape[:3], ratio, ratio):
        result[place] = np.max([rectified[cell] for cell in cells], axis=0)
    return result


def mlp(x, w1, b1, w2, b2):
    return w2 @ np.maximum(w1 @ x + b1, 0) + b2


def pooled(maps, ratio, window, pool, weights):
    """Eq. 17, 18; `pool` is np.max or np.mean."""
    result = grid(maps.shape[:3], ratio, len(weights[3]))
    for place, cells in windows(maps.shape[:3], ratio, window):
        result[place] = mlp(pool([maps[cell] for cell in cells], axis=0), *weights)
    return result


def trilinear(maps, point):
    """The value of (T, H, W, C) maps at a point between the centres of cells."""
    value = np.zeros(maps.shape[3])
    low = [int(np.floor(coordinate)) for coordinate in point]
    for corner in itertools.product((0, 1), repeat=3):
        weight = 1.0
        for coordinate, first, up in zip(point, low, corner, strict=True):
            share = coordinate - first
            weight *= share if up else 1 - share
        if weight:
            value += weight * maps[tuple(np.add(low, corner))]
    return value


def attend(query, levels, places, layers, pick=None):
    """Eq. 4–9: (Q,) query, (P, L, D) levels → z (D,), α (P,), β (L,), log p(m).

    `places` and `layers` are (W_h, W_a or W_s, b, w). `pick` None is soft attention,
    else maps weights to the place or level that hard attention takes.
    """

    def psi(items, weights):
        if pick is None:
            return sum(w * x for w, x in zip(weights, items, strict=True)), 0.0
        m = pick(weights)
        return items[m], np.log(weights[m])

    w_h, w_a, b, w = places
    alpha = softmax(
        np.array(
            [w @ np.tanh(w_a @ place.reshape(-1) + w_h @ query + b) for place in levels]
        )
    )
    s, log_place = psi(levels, alpha)  # (L, D)
    w_h, w_s, b, w = layers
    beta = softmax(np.array([w @ np.tanh(w_s @ sl + w_h @ query + b) for sl in s]))
    z, log_layer = psi(s, beta)
    return z, alpha, beta, log_place + log_layer


def first_state(a, w, b):
    """h_1 and c_1."""
    h = np.tanh(w @ a + b)
    return h, np.zeros_like(h)


def step(word, state, z, weights):
    """The word after `word`: → (V,) probabilities and the next (h, c).

    `weights` maps `embedding` (V, E), `lstm` (w, u, b) of [w, z], `words` (w, b).
    """
    h, c = lstm(
        np.concatenate([weights["embedding"][word], z]), *state, *weights["lstm"]
    )
    w, b = weights["words"]
    return softmax(w @ h + b), (h, c)


def multi_sample(p):
    """Eq. 12, 15, 16 of (K,) p(Y | m^k), as printed: → L, (K,) L̂ and (K,) ω."""
    count = len(p)
    value = np.log(np.sum(p) / count)
    signal = []
    for k in range(count):
        others = [p[j] for j in range(count) if j != k]
        f = np.exp(np.mean(np.log(others)))
        signal.append(value - np.log((np.sum(others) + f) / count))
    return value, np.array(signal), p / np.sum(p)
