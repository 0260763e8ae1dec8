"""ROI-align and its older relative, sample by sample.

He et al., 2017, Mask R-CNN, Sec. 3; half a cell as in its authors' later code.
"""

import math

import numpy as np


def bilinear(image, y, x):
    """(H, W, C) image at a point whose integers are the cells' centres."""
    high, wide = image.shape[:2]
    y0, x0 = math.floor(y), math.floor(x)
    value = np.zeros(image.shape[2])
    for row, share_y in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
        for column, share_x in ((x0, 1 - (x - x0)), (x0 + 1, x - x0)):
            if share_y and share_x:
                row_in = min(max(row, 0), high - 1)
                column_in = min(max(column, 0), wide - 1)
                value += share_y * share_x * image[row_in, column_in]
    return value


def roi_align(image, box, bins=7, samples=2):
    """(H, W, C) image, box in shares of it → (bins, bins, C).

    A point more than a cell's width outside of the outermost centres counts as zero.
    """
    high, wide, channels = image.shape
    y1, x1, y2, x2 = box
    result = np.zeros((bins, bins, channels))
    for i in range(bins):
        for j in range(bins):
            for a in range(samples):
                for b in range(samples):
                    down = (i + (a + 0.5) / samples) / bins
                    right = (j + (b + 0.5) / samples) / bins
                    y = (y1 + (y2 - y1) * down) * high - 0.5
                    x = (x1 + (x2 - x1) * right) * wide - 0.5
                    if -1 <= y <= high and -1 <= x <= wide:
                        result[i, j] += bilinear(image, y, x)
    return result / samples**2


def one_sample_a_bin(image, box, bins=7):
    """Points from the box's first to its last corner, those outside are zero.

    The box is in shares of the way from the first cell's centre to the last one's.
    """
    high, wide, channels = image.shape
    y1, x1, y2, x2 = box
    result = np.zeros((bins, bins, channels))
    for i in range(bins):
        for j in range(bins):
            y = (y1 + (y2 - y1) * i / (bins - 1)) * (high - 1)
            x = (x1 + (x2 - x1) * j / (bins - 1)) * (wide - 1)
            if 0 <= y <= high - 1 and 0 <= x <= wide - 1:
                result[i, j] = bilinear(image, y, x)
    return result
