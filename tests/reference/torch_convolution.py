"""PyTorch's convolutions and pooling, place by place, in PyTorch's order of axes."""

import itertools

import numpy as np


def convolve(x, kernel, stride=1, padding=0, groups=1):
    """A convolution in any number of dimensions, without a bias.

    Args:
        x: (C, *sizes).
        kernel: (D, C / groups, *window). Outputs of the first D / groups see the first
            C / groups inputs, and so on.
        stride, padding: a number, or one for each dimension. Zeros on both sides.
        groups: how many.

    Returns:
        (D, *sizes'), sizes' = ⌊(size + 2 · padding − window) / stride⌋ + 1.
    """
    window = kernel.shape[2:]
    stride, padding = (_each(value, len(window)) for value in (stride, padding))
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding)])
    matrices = kernel.reshape(groups, len(kernel) // groups, -1)
    result = np.zeros((len(kernel), *_sizes(padded, window, stride)))
    for place in itertools.product(*map(range, result.shape[1:])):
        patch = padded[_window(place, window, stride)].reshape(groups, -1)
        result[(slice(None), *place)] = np.einsum(
            "goi,gi->go", matrices, patch
        ).reshape(-1)
    return result


def max_pool(x, window, stride, padding):
    """The greatest value of each window; what lies beyond the edges is no value."""
    pads = [(0, 0), *((p, p) for p in padding)]
    padded = np.pad(x, pads, constant_values=-np.inf)
    result = np.zeros((len(x), *_sizes(padded, window, stride)))
    for place in itertools.product(*map(range, result.shape[1:])):
        patch = padded[_window(place, window, stride)]
        result[(slice(None), *place)] = patch.reshape(len(x), -1).max(axis=1)
    return result


def normalise(x, norm, epsilon):
    """Batch normalisation by moving statistics: norm is (γ, β, mean, variance)."""
    gamma, beta, mean, variance = (
        np.asarray(part, float).reshape(-1, *[1] * (x.ndim - 1)) for part in norm
    )
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def _each(value, count):
    return (value,) * count if np.isscalar(value) else value


def _sizes(padded, window, stride):
    return [
        (size - length) // step + 1
        for size, length, step in zip(padded.shape[1:], window, stride, strict=True)
    ]


def _window(place, window, stride):
    return (
        slice(None),
        *(
            slice(at * step, at * step + length)
            for at, length, step in zip(place, window, stride, strict=True)
        ),
    )
