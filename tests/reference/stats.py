"""STaTS (Cherian et al., 2020), Eq. 2–12, one clip, cell by cell.

Matrices multiply column vectors from the left. `cells` is (N, S, D) and `there`
(N, S) says which of them exist. An `att` is (W_h, W_x, b, w) of Eq. 2.
"""

import numpy as np

from tests.reference.additive_attention import softmax
from tests.reference.lstm import lstm


def att(h, x, w_h, w_x, b, w):
    return w @ np.tanh(w_h @ h + w_x @ x + b)


def mean(items, width):
    return np.mean(items, axis=0) if len(items) else np.zeros(width)


def weigh(h, items, indexes, parameters, temperature=1.0):
    """Softmax of att over some of the items; 0 for the others."""
    weights = np.zeros(len(items))
    if len(indexes):
        energies = [att(h, items[i], *parameters) / temperature for i in indexes]
        weights[indexes] = softmax(np.array(energies))
    return weights


def shared_grid(h, cells, there, parameters):
    """→ x̂ (N, D), e (S,)."""
    frames, places, width = cells.shape
    means = [
        mean([cells[n, j] for n in range(frames) if there[n, j]], width)
        for j in range(places)
    ]
    weights = weigh(h, means, np.flatnonzero(there.any(axis=0)), parameters)
    pooled = np.zeros((frames, width))
    for n in range(frames):
        for j in range(places):
            if there[n, j]:
                pooled[n] += weights[j] * cells[n, j]
    return pooled, weights


def per_frame(h, cells, there, parameters):
    """→ x̂ (N, D), e (N, S)."""
    frames, places, width = cells.shape
    pooled, weights = np.zeros((frames, width)), np.zeros((frames, places))
    for n in range(frames):
        weights[n] = weigh(h, cells[n], np.flatnonzero(there[n]), parameters)
        for j in range(places):
            pooled[n] += weights[n, j] * cells[n, j]
    return pooled, weights


def cell_mean(cells, there):
    """→ x̄ (N, D)."""
    return np.stack(
        [mean(cells[n][there[n]], cells.shape[2]) for n in range(len(cells))]
    )


def temporal_mean(frames, there):
    return mean(frames[there], frames.shape[1])


def last_state(frames, there, w, u, b):
    """The last output of an LSTM over the frames that are there."""
    h = c = np.zeros(frames.shape[1])
    for n in np.flatnonzero(there):
        h, c = lstm(frames[n], h, c, w, u, b)
    return h


def rank_loss(vector, frames, there, margin):
    """L_rank."""
    total = 0.0
    for n in range(1, len(frames)):
        if there[n - 1] and there[n]:
            z = vector @ frames[n - 1] + margin - vector @ frames[n]
            total += np.log1p(np.exp(z))
    return total


def temporal_attention(h, frames, there, parameters):
    """→ Σ τ_n x̂_n (D,), τ (N,)."""
    weights = weigh(h, frames, np.flatnonzero(there), parameters)
    return weights @ frames, weights


def temporo_spatial(h, cells, there, of_frames, of_cells, temperature):
    """→ x̂_TS (D,), τ (N,), e (S,); all regions exist where a frame does."""
    _, places, width = cells.shape
    present = np.flatnonzero(there.any(axis=1))
    means = cell_mean(cells, there)
    tau = weigh(h, means, present, of_frames, temperature)
    frame = np.zeros((places, width))
    for n in present:
        frame += tau[n] * cells[n]
    indexes = np.arange(places) if len(present) else np.array([], int)
    e = weigh(h, frame, indexes, of_cells)
    vector = np.zeros(width)
    for j in range(places):
        vector += e[j] * frame[j]
    return vector, tau, e


def fuse(h, st, ts, w_h, w_st, w_ts, score_st, score_ts):
    """→ x̂ (D,), (w_1, w_2)."""
    betas = [
        score_st @ np.tanh(w_st @ st + w_h @ h),
        score_ts @ np.tanh(w_ts @ ts + w_h @ h),
    ]
    weights = softmax(np.array(betas))
    return np.tanh(weights[0] * st + weights[1] * ts), weights


def all_cells(h, cells, there, parameters):
    """→ Σ e_nj x_nj (D,), e (N, S), one softmax over all."""
    flat = cells.reshape(-1, cells.shape[2])
    weights = weigh(h, flat, np.flatnonzero(there.ravel()), parameters)
    return weights @ flat, weights.reshape(there.shape)


def self_attention(words, w_q, w_k, w_v):
    """(t, E) embeddings of the words so far → (E,), what the last one attends to."""
    query = w_q @ words[-1]
    scores = [query @ (w_k @ word) / np.sqrt(len(query)) for word in words]
    attended = np.zeros(len(w_v))
    weights = softmax(np.array(scores))
    for i in range(len(words)):
        attended += weights[i] * (w_v @ words[i])
    return attended


def step(tokens, h, c, streams, clip, weights):
    """One word of the decoder after the words `tokens`, the first of them <bos>.

    `streams` are (cells, there) pairs, each attended by `all_cells`; `clip` is the
    clip's vector. `weights` maps names to matrices: `embedding` (V, E); `written`
    (w_q, w_k, w_v); `attentions`, an att for each stream; `lstm` (w, u, b); `words`
    (w, b). → (V,) probabilities and the next h, c.
    """
    words = weights["embedding"][tokens]
    query = np.concatenate([h, self_attention(words, *weights["written"])])
    attended = [
        all_cells(query, cells, there, parameters)[0]
        for (cells, there), parameters in zip(
            streams, weights["attentions"], strict=True
        )
    ]
    inputs = np.concatenate([words[-1], *attended, clip])
    h, c = lstm(inputs, h, c, *weights["lstm"])
    w, b = weights["words"]
    return softmax(w @ h + b), h, c
