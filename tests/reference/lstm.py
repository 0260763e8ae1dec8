"""One step of an LSTM."""

import numpy as np

from tests.reference.garu import sigmoid


def lstm(x, h, c, w, u, b):
    """(D,) input and (U,) states → the next states; gates i, f, g, o in that order.

    `w` is (4U, D), `u` (4U, U) and `b` (4U,).
    """
    i, f, g, o = np.split(w @ x + u @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c
