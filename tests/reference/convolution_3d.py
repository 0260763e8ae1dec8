"""Convolution and pooling of maps with a time axis, offset by offset, in float64."""

import itertools

import numpy as np

Edges = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def convolve(x, kernel, edges, stride=1):
    """Cross-correlation of a map with zeros around it.

    Args:
        x: (T, rows, columns, C).
        kernel: (t, k, k, C, D).
        edges: how many zeros stand before and behind each of the three axes.
        stride: the same in all axes.
    """
    padded = np.pad(np.asarray(x, np.float64), [*edges, (0, 0)])
    window = kernel.shape[:3]
    counts = [(padded.shape[i] - window[i]) // stride + 1 for i in range(3)]
    result = np.zeros((*counts, kernel.shape[-1]))
    for offset in itertools.product(*map(range, window)):
        cut = tuple(
            slice(start, start + stride * (count - 1) + 1, stride)
            for start, count in zip(offset, counts, strict=True)
        )
        result += padded[cut] @ kernel[offset]
    return result


def max_pool(x, window, stride, starts, counts):
    """Maxima of the cells that lie inside of the map.

    Args:
        x: (T, rows, columns, C).
        window: cells in time, rows and columns.
        stride: from a window to the next.
        starts: where the first window begins, 0 or less.
        counts: how many windows there are.
    """
    result = np.zeros((*counts, x.shape[-1]))
    for place in itertools.product(*map(range, counts)):
        cut = []
        for axis in range(3):
            first = starts[axis] + place[axis] * stride[axis]
            cut.append(slice(max(first, 0), first + window[axis]))
        result[place] = x[tuple(cut)].max(axis=(0, 1, 2))
    return result


def same_edges(shape, window, stride):
    """TensorFlow's SAME: zeros in all so many that ⌈n / stride⌉ windows fit.

    Of an odd number of them, the one more stands behind.
    """
    edges = []
    for n, k, s in zip(shape, window, stride, strict=True):
        missing = max((-(-n // s) - 1) * s + k - n, 0)
        edges.append((missing // 2, missing - missing // 2))
    return edges
