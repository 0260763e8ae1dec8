"""A product of inputs and kernel in eight bits, by definition."""

import numpy as np

LEVELS = 127


def _rounded(value: float) -> int:
    """The nearest integer, halves towards +∞."""
    return int(np.floor(value + 0.5))


def product(inputs, kernel, bias):
    """(R, D), (D, N), (N,) → (R, N) float64."""
    rows, width = inputs.shape
    units = kernel.shape[1]
    found = np.zeros((rows, units))
    for r in range(rows):
        of_row = max(abs(float(x)) for x in inputs[r])
        for n in range(units):
            of_column = max(abs(float(w)) for w in kernel[:, n])
            total = 0
            for d in range(width):
                x = _rounded(LEVELS / of_row * inputs[r, d]) if of_row else 0
                w = _rounded(LEVELS / of_column * kernel[d, n]) if of_column else 0
                total += x * w
            found[r, n] = total * of_row * of_column / LEVELS**2 + bias[n]
    return found
