"""Convolution, pooling and area averaging, one place of the window after another."""

import numpy as np


def convolve(image, kernel, bias, stride=1, padding="SAME"):
    """(h, w, C) image, (k, l, C, D) kernel → (rows, columns, D).

    SAME gives ceil(h / stride) rows, an odd line of zeros coming behind; VALID gives
    those whose windows lie within the image.
    """
    views = _views(image, kernel.shape[:2], stride, padding, beyond=0)
    matrices = kernel.reshape(-1, *kernel.shape[2:])
    return bias + sum(
        view @ matrix for view, matrix in zip(views, matrices, strict=True)
    )


def max_pool(image, window=2, stride=2, padding="SAME"):
    """The greatest value of each window; what lies beyond the edges is no value."""
    views = _views(image, (window, window), stride, padding, beyond=-np.inf)
    return np.max(views, axis=0)


def average_pool(image, window, stride=1, padding="SAME"):
    """The mean of each window's values; what lies beyond the edges is no value."""
    views = _views(image, (window, window), stride, padding, beyond=np.nan)
    return np.nanmean(views, axis=0)


def bilinear(image, rows, columns):
    """(h, w, C) → (rows, columns, C), between the centres of the nearest pixels."""
    resized = np.empty((rows, columns, image.shape[2]))
    high, wide = image.shape[:2]
    for row, column in np.ndindex(rows, columns):
        y = min(max((row + 0.5) * high / rows - 0.5, 0), high - 1)
        x = min(max((column + 0.5) * wide / columns - 0.5, 0), wide - 1)
        top, left = int(y), int(x)
        below, right = min(top + 1, high - 1), min(left + 1, wide - 1)
        above = image[top, left] * (left + 1 - x) + image[top, right] * (x - left)
        under = image[below, left] * (left + 1 - x) + image[below, right] * (x - left)
        resized[row, column] = above * (top + 1 - y) + under * (y - top)
    return resized


def _views(image, window, stride, padding, beyond):
    """For each place of a window, line by line: what all windows have there."""
    image = np.asarray(image, float)
    sizes = image.shape[:2]
    if padding == "SAME":
        counts = [-(-size // stride) for size in sizes]
        pads = [
            max((count - 1) * stride + length - size, 0)
            for count, length, size in zip(counts, window, sizes, strict=True)
        ]
        edges = [(pad // 2, pad - pad // 2) for pad in pads]
        image = np.pad(image, [*edges, (0, 0)], constant_values=beyond)
    else:
        counts = [
            (size - length) // stride + 1
            for length, size in zip(window, sizes, strict=True)
        ]
    return [
        image[row::stride, column::stride][: counts[0], : counts[1]]
        for row, column in np.ndindex(*window)
    ]
