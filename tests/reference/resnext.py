"""ResNeXt (Xie et al., 2017) as torchvision computes it, with torchvision's names."""

import numpy as np

from tests.reference.torch_convolution import convolve, max_pool, normalise


def forward(frame, weights, blocks, groups):
    """Every stage's map, and their average.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        weights: by torchvision's names.
        blocks: how many each stage has.
        groups: of the 3 × 3 convolutions.

    Returns:
        layer1, layer2, … (C, rows, columns); avgpool (C,).
    """

    def norm(x, name):
        parts = ("weight", "bias", "running_mean", "running_var")
        return normalise(x, [weights[f"{name}.{part}"] for part in parts], 1e-5)

    x = np.asarray(frame, float) / 255
    x = (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    x = convolve(x.transpose(2, 0, 1), weights["conv1.weight"], stride=2, padding=3)
    x = max_pool(_relu(norm(x, "bn1")), (3, 3), (2, 2), (1, 1))
    maps = {}
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            out = convolve(x, weights[f"{name}.conv1.weight"])
            out = _relu(norm(out, f"{name}.bn1"))
            out = convolve(out, weights[f"{name}.conv2.weight"], stride, 1, groups)
            out = _relu(norm(out, f"{name}.bn2"))
            out = norm(convolve(out, weights[f"{name}.conv3.weight"]), f"{name}.bn3")
            if block == 0:
                x = convolve(x, weights[f"{name}.downsample.0.weight"], stride)
                x = norm(x, f"{name}.downsample.1")
            x = _relu(out + x)
        maps[f"layer{stage}"] = x
    return {**maps, "avgpool": x.mean(axis=(1, 2))}


def _relu(x):
    return np.maximum(x, 0)
