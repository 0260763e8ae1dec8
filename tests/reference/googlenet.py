"""GoogLeNet as TF-slim's `inception_v1` computes it, with its variables' names."""

import numpy as np

from tests.reference.convolution import convolve, max_pool


def forward(frame, variables):
    """The last module's map.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        variables: of the checkpoint, by name.

    Returns:
        Mixed_5c: (rows, columns, 1024).
    """

    def layer(x, scope, stride=1):
        scope = f"InceptionV1/{scope}"
        x = convolve(x, variables[f"{scope}/weights"], 0.0, stride)
        beta, mean, variance = (
            variables[f"{scope}/BatchNorm/{part}"]
            for part in ("beta", "moving_mean", "moving_variance")
        )
        return np.maximum((x - mean) / np.sqrt(variance + 0.001) + beta, 0)

    def mixed(x, name):
        five = "a" if name == "Mixed_5b" else "b"
        branches = [
            layer(x, f"{name}/Branch_0/Conv2d_0a_1x1"),
            layer(
                layer(x, f"{name}/Branch_1/Conv2d_0a_1x1"),
                f"{name}/Branch_1/Conv2d_0b_3x3",
            ),
            layer(
                layer(x, f"{name}/Branch_2/Conv2d_0a_1x1"),
                f"{name}/Branch_2/Conv2d_0{five}_3x3",
            ),
            layer(max_pool(x, 3, 1), f"{name}/Branch_3/Conv2d_0b_1x1"),
        ]
        return np.concatenate(branches, axis=-1)

    x = np.asarray(frame, float) / 255  # TF-slim: to 0…1, less 1/2, by 2
    x = layer((x - 0.5) * 2, "Conv2d_1a_7x7", stride=2)
    x = max_pool(x, 3, 2)
    x = layer(layer(x, "Conv2d_2b_1x1"), "Conv2d_2c_3x3")
    x = max_pool(x, 3, 2)
    for letter in "bc":
        x = mixed(x, f"Mixed_3{letter}")
    x = max_pool(x, 3, 2)
    for letter in "bcdef":
        x = mixed(x, f"Mixed_4{letter}")
    x = max_pool(x, 2, 2)
    for letter in "bc":
        x = mixed(x, f"Mixed_5{letter}")
    return x
