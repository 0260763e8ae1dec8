"""Inception-ResNet-v2 (Szegedy et al., 2017) as it was published: TF-slim's network.

Its names are those of Keras' layers, which count convolutions from conv2d_1 on in the
order in which the network is described.
"""

import itertools

import numpy as np

from tests.reference.convolution import average_pool, max_pool
from tests.reference.keras_layers import convolve, normalise, relu


def forward(frame, weights):
    """The maps behind the modules that change the shape, and behind the residual ones.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        weights: by `layer/weight`.

    Returns:
        mixed_5b, block35_10_ac, mixed_6a, block17_20_ac, mixed_7a, conv_7b_ac (rows,
        columns, width); avg_pool (1536,).
    """
    numbers = itertools.count(1)

    def unit(x, stride=1, padding="SAME"):
        number = next(numbers)
        x = convolve(x, weights, f"conv2d_{number}", stride, padding)
        return relu(normalise(x, weights, f"batch_normalization_{number}"))

    def chain(x, count):
        for _ in range(count):
            x = unit(x)
        return x

    def halved(x, count):
        return unit(chain(x, count), 2, "VALID")

    def residual(x, name, lengths, scale):
        branches = [chain(x, length) for length in lengths]
        mixed = np.concatenate(branches, axis=-1)
        return x + scale * convolve(mixed, weights, f"{name}_conv")

    maps = {}
    x = np.asarray(frame, float) / 127.5 - 1
    x = unit(unit(x, 2, "VALID"), 1, "VALID")
    x = max_pool(unit(x), 3, 2, "VALID")
    x = unit(unit(x), 1, "VALID")
    x = max_pool(x, 3, 2, "VALID")

    branches = [chain(x, 1), chain(x, 2), chain(x, 3), unit(average_pool(x, 3))]
    x = maps["mixed_5b"] = np.concatenate(branches, axis=-1)
    for block in range(1, 11):
        x = relu(residual(x, f"block35_{block}", (1, 2, 3), 0.17))
    maps["block35_10_ac"] = x

    branches = [halved(x, 0), halved(x, 2), max_pool(x, 3, 2, "VALID")]
    x = maps["mixed_6a"] = np.concatenate(branches, axis=-1)
    for block in range(1, 21):
        x = relu(residual(x, f"block17_{block}", (1, 3), 0.1))
    maps["block17_20_ac"] = x

    branches = [halved(x, 1), halved(x, 1), halved(x, 2), max_pool(x, 3, 2, "VALID")]
    x = maps["mixed_7a"] = np.concatenate(branches, axis=-1)
    for block in range(1, 10):
        x = relu(residual(x, f"block8_{block}", (1, 3), 0.2))
    x = residual(x, "block8_10", (1, 3), 1.0)

    x = relu(normalise(convolve(x, weights, "conv_7b"), weights, "conv_7b_bn"))
    return {**maps, "conv_7b_ac": x, "avg_pool": x.mean(axis=(0, 1))}
