"""Mel-frequency cepstral coefficients and their slopes, in float64 loops.

From the HTK book, Sec. 5.6 and 5.9: c_i = √(2 / N) Σ_j m_j cos(π i / N (j − ½)), and
d_t = Σ_θ θ (c_{t+θ} − c_{t−θ}) / (2 Σ_θ θ²) over θ = 1, 2, where the first and the last
vector are repeated beyond the ends.
"""

import math

import numpy as np


def mfcc(logs, coefficients):
    """(W, N) log-mel spectra → (W, 3 · coefficients)."""
    windows, bands = len(logs), len(logs[0])
    values = np.zeros((windows, coefficients))
    for t in range(windows):
        for i in range(coefficients):
            for j in range(1, bands + 1):
                turn = math.cos(math.pi * i / bands * (j - 0.5))
                values[t, i] += math.sqrt(2 / bands) * logs[t][j - 1] * turn
    first = slopes(values)
    return np.concatenate([values, first, slopes(first)], axis=1)


def slopes(values):
    last = len(values) - 1
    result = np.zeros_like(values)
    for t in range(last + 1):
        for theta in (1, 2):
            after, before = values[min(t + theta, last)], values[max(t - theta, 0)]
            result[t] += theta * (after - before) / (2 * (1 + 4))
    return result
