"""VGG-16 (Simonyan & Zisserman, 2015, Table 1 D) with the names of Keras' file."""

import numpy as np

from tests.reference.convolution import max_pool
from tests.reference.keras_layers import convolve, dense, relu

MEAN = np.array([103.939, 116.779, 123.68])  # of blue, green and red


def forward(frame, weights):
    """Every block's map, and the hidden layers of a file with the classifier.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        weights: by `layer/weight`.

    Returns:
        block1_pool … block5_pool (rows, columns, width); fc1, fc2 (4096,).
    """
    x = np.asarray(frame, float)[..., ::-1] - MEAN
    maps = {}
    for block, convolutions in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, convolutions + 1):
            x = relu(convolve(x, weights, f"block{block}_conv{number}", padding="SAME"))
        x = maps[f"block{block}_pool"] = max_pool(x, 2, 2, "VALID")
    if "fc1/kernel" in weights:
        maps["fc1"] = relu(dense(x.reshape(-1), weights, "fc1"))
        maps["fc2"] = relu(dense(maps["fc1"], weights, "fc2"))
    return maps
