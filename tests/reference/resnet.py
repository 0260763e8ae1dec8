"""ResNet's first version (He et al., 2016, Table 1) with the names of Keras' files.

As in the authors' own network, a stage's stride is that of its first 1 × 1
convolution.
"""

import numpy as np

from tests.reference.convolution import max_pool
from tests.reference.keras_layers import convolve, normalise, relu

MEAN = np.array([103.939, 116.779, 123.68])  # of blue, green and red
EPSILON = 1.001e-5


def forward(frame, weights, blocks):
    """The map of every stage, and the last one's average.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        weights: by `layer/weight`.
        blocks: how many each stage has.

    Returns:
        conv1_relu, and conv2_block3_out or the like (rows, columns, width); avg_pool
        (2048,).
    """

    def layer(x, name, stride=1, padding="VALID"):
        x = convolve(x, weights, f"{name}_conv", stride, padding)
        return normalise(x, weights, f"{name}_bn", EPSILON)

    x = np.asarray(frame, float)[..., ::-1] - MEAN
    x = relu(layer(_zeros_around(x, 3), "conv1", stride=2))
    maps = {"conv1_relu": x}
    x = max_pool(_zeros_around(x, 1), 3, 2, "VALID")
    for stage, count in enumerate(blocks, 2):
        for block in range(1, count + 1):
            name = f"conv{stage}_block{block}"
            stride = 2 if stage > 2 and block == 1 else 1
            out = relu(layer(x, f"{name}_1", stride))
            out = relu(layer(out, f"{name}_2", padding="SAME"))
            out = layer(out, f"{name}_3")
            if block == 1:
                x = layer(x, f"{name}_0", stride)
            x = relu(x + out)
        maps[f"{name}_out"] = x
    return {**maps, "avg_pool": x.mean(axis=(0, 1))}


def _zeros_around(x, lines):
    return np.pad(x, [(lines, lines), (lines, lines), (0, 0)])
