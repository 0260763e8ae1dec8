"""Convolution, pooling and area averaging, cell by cell."""

import numpy as np


def convolve(image, kernel, bias, stride=1):
    """(h, w, C) image, (k, k, C, D) kernel → SAME (ceil(h/s), ceil(w/s), D)."""
    size = kernel.shape[0]
    rows, columns = (-(-n // stride) for n in image.shape[:2])
    pads = [
        max((out - 1) * stride + size - n, 0)
        for out, n in zip((rows, columns), image.shape[:2], strict=True)
    ]
    padded = np.pad(image, [(p // 2, p - p // 2) for p in pads] + [(0, 0)])
    result = np.zeros((rows, columns, kernel.shape[3]))
    for y in range(rows):
        for x in range(columns):
            patch = padded[y * stride : y * stride + size, x * stride :][:, :size]
            result[y, x] = np.einsum("yxc,yxcd->d", patch, kernel) + bias
    return result


def max_pool(image):
    """2×2 max-pooling; an odd line's last cell stands alone."""
    rows, columns = -(-image.shape[0] // 2), -(-image.shape[1] // 2)
    result = np.zeros((rows, columns, image.shape[2]))
    for y in range(rows):
        for x in range(columns):
            result[y, x] = image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max(axis=(0, 1))
    return result


def area_average(image, rows, columns):
    """(h, w) → (rows, columns): each input cell cut into tiny equal squares."""
    high, wide = image.shape
    fine = np.repeat(np.repeat(image, rows, axis=0), columns, axis=1)
    return fine.reshape(rows, high, columns, wide).mean(axis=(1, 3))
