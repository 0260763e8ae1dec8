"""VGGish in NumPy, from its published description, with the checkpoint's own names.

Four groups of 3 × 3 convolutions with rectifiers, each with 2 × 2 max-pooling behind
it; the map row by row as one vector; three layers, the last without a rectifier. And
the postprocessing of AudioSet's released features.
"""

import numpy as np

from tests.reference.convolution import convolve, max_pool

GROUPS = (("conv1",), ("conv2",), ("conv3_1", "conv3_2"), ("conv4_1", "conv4_2"))


def forward(patch, variables):
    """(96, 64) → the embedding, from variables by their names in the checkpoint."""
    x = np.asarray(patch, np.float64)[:, :, None]
    for group in GROUPS:
        for layer in group:
            scope = f"vggish/{layer.split('_')[0]}/{layer}"
            if layer in ("conv1", "conv2"):
                scope = f"vggish/{layer}"
            kernel, bias = variables[f"{scope}/weights"], variables[f"{scope}/biases"]
            x = np.maximum(convolve(x, kernel, bias), 0)
        x = max_pool(x)
    x = x.ravel()
    for layer in ("fc1/fc1_1", "fc1/fc1_2", "fc2"):
        x = x @ variables[f"vggish/{layer}/weights"]
        x = x + variables[f"vggish/{layer}/biases"]
        if layer != "fc2":
            x = np.maximum(x, 0)
    return x


def quantised(embedding, eigen_vectors, means):
    """(128,) → (128,) whole numbers from 0 to 255."""
    levels = []
    for row in eigen_vectors:
        component = sum(
            weight * (value - mean)
            for weight, value, mean in zip(row, embedding, means[:, 0], strict=True)
        )
        clipped = min(max(component, -2.0), 2.0)
        levels.append(int((clipped - -2.0) * (255.0 / 4.0)))
    return np.array(levels)
