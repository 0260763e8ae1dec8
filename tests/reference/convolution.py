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


def area_average(image, rows, columns):
    """(h, w) → (rows, columns): each input cell cut into tiny equal squares."""
    high, wide = image.shape
    fine = np.repeat(np.repeat(image, rows, axis=0), columns, axis=1)
    return fine.reshape(rows, high, columns, wide).mean(axis=(1, 3))


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
