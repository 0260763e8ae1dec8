"""C3D (Tran et al., 2015) as Caffe computes it, with Caffe's order of every axis.

Layers and their settings are those of the published prototxt: convolutions of 3 × 3 × 3
with one zero around, max-pooling of 2 × 2 × 2 (pool1: 1 × 2 × 2) without zeros whose
windows may be cut off by the map's end, and a rectifier behind all but the last.
"""

import math

import numpy as np

from tests.reference.convolution_3d import convolve, max_pool


def forward(chunk, weights, mean):
    """Every layer's values.

    Args:
        chunk: (T, rows, columns, 3) RGB.
        weights: Caffe's blobs by layer: (out, in, 3, 3, 3) or (out, in), and (out,).
        mean: (3,), blue, green and red, or (3, T, rows, columns).

    Returns:
        By name: maps (C, T, rows, columns), and vectors from fc6 on.
    """
    mean = np.asarray(mean, np.float64)
    bgr = np.moveaxis(np.asarray(chunk, np.float64)[..., ::-1], -1, 0)
    x = bgr - (mean if mean.ndim == 4 else mean[:, None, None, None])
    values = {}
    for number, letters in enumerate(("a", "a", "ab", "ab", "ab"), 1):
        for letter in letters:
            name = f"conv{number}{letter}"
            x = values[name] = _rectified(_convolve(x, *weights[name]))
        depth = 1 if number == 1 else 2
        x = values[f"pool{number}"] = _pool(x, (depth, 2, 2))
    if x.shape[1:] != (1, 4, 4):
        return values
    x = x.ravel()
    for name in ("fc6", "fc7", "fc8"):
        kernel, bias = weights[name]
        x = kernel.astype(np.float64) @ x + bias
        x = values[name] = x if name == "fc8" else _rectified(x)
    values["prob"] = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return values


def _convolve(x, kernel, bias):
    channels_last = convolve(
        np.moveaxis(x, 0, -1), kernel.transpose(2, 3, 4, 1, 0), [(1, 1)] * 3
    )
    return np.moveaxis(channels_last + bias, -1, 0)


def _pool(x, window):
    counts = [
        math.ceil((n - k) / k) + 1 for n, k in zip(x.shape[1:], window, strict=True)
    ]
    pooled = max_pool(np.moveaxis(x, 0, -1), window, window, (0, 0, 0), counts)
    return np.moveaxis(pooled, -1, 0)


def _rectified(x):
    return np.maximum(x, 0)
