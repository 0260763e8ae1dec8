"""Layers with the weights of Keras' .h5 files, which are by `layer/weight`."""

import numpy as np

from tests.reference import convolution


def convolve(image, weights, name, stride=1, padding="VALID"):
    """(H, W, C) → (h, w, D); a layer without a bias has none in its file."""
    bias = weights.get(f"{name}/bias", 0.0)
    return convolution.convolve(image, weights[f"{name}/kernel"], bias, stride, padding)


def dense(values, weights, name):
    """(C,) → (D,)."""
    return values @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def normalise(image, weights, name, epsilon=1e-3):
    """Batch normalisation by moving averages, scaled where the file has a γ."""
    beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("beta", "moving_mean", "moving_variance")
    )
    gamma = weights.get(f"{name}/gamma", 1.0)
    return gamma * (image - mean) / np.sqrt(variance + epsilon) + beta


def relu(values):
    """What is positive."""
    return np.maximum(values, 0)
