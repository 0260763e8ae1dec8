"""MGSA's spatial attention (Chen and Jiang, 2019), one clip at a time."""

import numpy as np

from tests.reference.additive_attention import softmax
from tests.reference.convolution import bilinear, convolve


def flow_map(planes, layers, grid, stride=1):
    """Φ_c of one frame: (h, w, 2M) planes → (H, W), with no averaging at its end.

    `layers` are (kernel, bias) pairs, the last one of the map. The planes have the size
    from which as many halvings as fit, one a layer at the most, lead to the grid.
    """
    halvings = [
        int(np.clip(np.rint(np.log2(size / (cells * stride))), 0, len(layers) - 1))
        for size, cells in zip(planes.shape, grid, strict=False)
    ]
    image = bilinear(
        planes, *(c * stride * 2**k for c, k in zip(grid, halvings, strict=True))
    )
    for index, (kernel, bias) in enumerate(layers[:-1]):
        image = np.maximum(convolve(image, kernel, bias, 1 if index else stride), 0)
        if index < halvings[0]:
            image = np.maximum(image[::2], image[1::2])
        if index < halvings[1]:
            image = np.maximum(image[:, ::2], image[:, 1::2])
    return convolve(image, *layers[-1])[..., 0]


def attend(maps, regions, mask):
    """(T, S) maps, (T, S, D) regions, (T,) mask → Eq. 7 weights and Eq. 8 frames."""
    weights, frames = np.zeros(maps.shape), np.zeros((len(maps), regions.shape[2]))
    for n in np.flatnonzero(mask):
        weights[n] = softmax(maps[n])
        for cell, weight in enumerate(weights[n]):
            frames[n] += weight * regions[n, cell]
    return weights, frames


def spatial_attention(h, cells, mask, attention, v, recurrence):
    """ "Spatial Attention" of Table 2 for one word → α (T, S) and Ga (T, D).

    `h` is the decoder's state; `attention` the matrices (W_h, W, b, w) of the network
    that has it, the cell and, by `v`, the frame's mean among its inputs. `recurrence`
    refines the (T, S) rough maps, given the (T, D) means and the (T,) mask.
    """
    w_h, w_x, b, score = attention
    means = cells.mean(axis=1)
    rough = np.zeros(cells.shape[:2])
    for n, s in np.ndindex(*rough.shape):
        hidden = w_h @ h + w_x @ cells[n, s] + v @ means[n] + b
        rough[n, s] = score @ np.tanh(hidden)
    return attend(recurrence(rough, means, mask), cells, mask)
