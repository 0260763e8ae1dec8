"""ir-CSN (Tran et al., 2019) as MMAction2 computes it, with MMAction2's names."""

import numpy as np

from tests.reference.torch_convolution import convolve, max_pool, normalise


def forward(chunk, weights, blocks):
    """Every stage's map, and their average.

    Args:
        chunk: (T, rows, columns, 3) RGB in 0…255.
        weights: by MMAction2's names, without `backbone.`.
        blocks: how many each stage has.

    Returns:
        layer1, layer2, … (C, T', rows, columns); avg_pool (C,).
    """

    def module(x, name, stride=1, padding=0, groups=1):
        x = convolve(x, weights[f"{name}.conv.weight"], stride, padding, groups)
        parts = ("weight", "bias", "running_mean", "running_var")
        return normalise(x, [weights[f"{name}.bn.{part}"] for part in parts], 1e-3)

    x = np.asarray(chunk, float) - [123.675, 116.28, 103.53]
    x = (x / [58.395, 57.12, 57.375]).transpose(3, 0, 1, 2)
    x = _relu(module(x, "conv1", (1, 2, 2), (1, 3, 3)))
    x = max_pool(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    maps = {}
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            out = _relu(module(x, f"{name}.conv1"))
            # The convolution that mixes no channels: as many groups as there are.
            out = _relu(module(out, f"{name}.conv2.0", stride, 1, len(out)))
            out = module(out, f"{name}.conv3")
            if block == 0:
                x = module(x, f"{name}.downsample", stride)
            x = _relu(out + x)
        maps[f"layer{stage}"] = x
    return {**maps, "avg_pool": x.mean(axis=(1, 2, 3))}


def _relu(x):
    return np.maximum(x, 0)
