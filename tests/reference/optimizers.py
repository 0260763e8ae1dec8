"""RMSprop as PyTorch documents it, one weight array at a time."""

import numpy as np


def rmsprop(weight, gradients, rate, alpha=0.99, epsilon=1e-8):
    """torch.optim.RMSprop: v ← αv + (1 − α)g²; w ← w − rate · g / (√v + ε)."""
    weight = np.array(weight, float)
    square = np.zeros_like(weight)
    for gradient in gradients:
        square = alpha * square + (1 - alpha) * gradient**2
        weight = weight - rate * gradient / (np.sqrt(square) + epsilon)
    return weight
