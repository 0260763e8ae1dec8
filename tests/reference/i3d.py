"""I3D (Carreira and Zisserman, 2017), layer by layer, from a checkpoint's variables."""

import numpy as np

from tests.reference.convolution_3d import convolve, max_pool, same_edges

EPSILON = 1e-3  # Sonnet's


def unit(x, variables, name, stride=1):
    """Convolution, normalisation by the moving averages, rectifier.

    Args:
        x: (T, rows, columns, C).
        variables: the checkpoint's, by name.
        name: the unit's.
        stride: in time and space.
    """
    kernel = variables[f"{name}/conv_3d/w"]
    edges = same_edges(x.shape[:3], kernel.shape[:3], (stride,) * 3)
    x = convolve(x, kernel, edges, stride)
    norm = {
        part: variables[f"{name}/batch_norm/{part}"].reshape(-1).astype(np.float64)
        for part in ("beta", "moving_mean", "moving_variance")
    }
    x = (x - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + EPSILON)
    return np.maximum(x + norm["beta"], 0)


def pool(x, window, stride):
    """Max-pooling with TensorFlow's SAME edges."""
    edges = same_edges(x.shape[:3], window, stride)
    counts = [-(-n // s) for n, s in zip(x.shape[:3], stride, strict=True)]
    return max_pool(x, window, stride, [-before for before, _ in edges], counts)


def stem(x, variables, scope):
    """The layers before the first `Mixed` block, by name."""
    values = {}
    x = values["Conv3d_1a_7x7"] = unit(x, variables, f"{scope}Conv3d_1a_7x7", 2)
    x = values["MaxPool3d_2a_3x3"] = pool(x, (1, 3, 3), (1, 2, 2))
    x = values["Conv3d_2b_1x1"] = unit(x, variables, f"{scope}Conv3d_2b_1x1")
    x = values["Conv3d_2c_3x3"] = unit(x, variables, f"{scope}Conv3d_2c_3x3")
    values["MaxPool3d_3a_3x3"] = pool(x, (1, 3, 3), (1, 2, 2))
    return values


def mixed(x, variables, name):
    """A block's four branches, side by side."""
    five = "Conv3d_0a_3x3" if name.endswith("Mixed_5b") else "Conv3d_0b_3x3"
    branches = [unit(x, variables, f"{name}/Branch_0/Conv3d_0a_1x1")]
    for branch, second in (("Branch_1", "Conv3d_0b_3x3"), ("Branch_2", five)):
        reduced = unit(x, variables, f"{name}/{branch}/Conv3d_0a_1x1")
        branches.append(unit(reduced, variables, f"{name}/{branch}/{second}"))
    pooled = pool(x, (3, 3, 3), (1, 1, 1))
    branches.append(unit(pooled, variables, f"{name}/Branch_3/Conv3d_0b_1x1"))
    return np.concatenate(branches, axis=-1)
