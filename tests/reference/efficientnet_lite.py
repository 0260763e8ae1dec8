"""EfficientNet-Lite (Tan & Le, 2019) by the names of its PyTorch files."""

import itertools

import numpy as np

from tests.reference.torch_convolution import convolve, normalise

# The kernel and the stride of each stage's first block: EfficientNet's Table 1.
STAGES = [(3, 1), (3, 2), (5, 2), (3, 2), (5, 1), (5, 2), (3, 1)]


def forward(frame, weights, blocks):
    """Every stage's map, the head's, its mean, and the classes' logits.

    Args:
        frame: (rows, columns, 3) RGB in 0…255.
        weights: by the file's names.
        blocks: how many each stage has.

    Returns:
        stage1, … stage7 and head (C, rows, columns); pooled and logits (C,).
    """

    def layer(x, convolution, norm, stride=1):
        kernel = weights[f"{convolution}.weight"]
        groups = len(x) // kernel.shape[1]
        x = convolve(_padded(x, kernel.shape[-1], stride), kernel, stride, 0, groups)
        parts = ("weight", "bias", "running_mean", "running_var")
        return normalise(x, [weights[f"{norm}.{part}"] for part in parts], 1e-3)

    x = (np.asarray(frame, float).transpose(2, 0, 1) - 127) / 128
    x = np.clip(layer(x, "_conv_stem", "_bn0", 2), 0, 6)
    maps = {}
    number = itertools.count()
    for stage, ((_, first_stride), count) in enumerate(
        zip(STAGES, blocks, strict=True), 1
    ):
        for block in range(count):
            name = f"_blocks.{next(number)}"
            out = x
            if f"{name}._expand_conv.weight" in weights:
                out = np.clip(layer(x, f"{name}._expand_conv", f"{name}._bn0"), 0, 6)
            stride = 1 if block else first_stride
            out = layer(out, f"{name}._depthwise_conv", f"{name}._bn1", stride)
            out = layer(np.clip(out, 0, 6), f"{name}._project_conv", f"{name}._bn2")
            x = out + x if block else out
        maps[f"stage{stage}"] = x
    head = np.clip(layer(x, "_conv_head", "_bn1"), 0, 6)
    pooled = head.mean(axis=(1, 2))
    logits = weights["_fc.weight"] @ pooled + weights["_fc.bias"]
    return {**maps, "head": head, "pooled": pooled, "logits": logits}


def _padded(x, kernel, stride):
    """TensorFlow's SAME: as many outputs as strides fit, an odd zero comes last."""
    zeros = []
    for size in x.shape[1:]:
        total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        zeros.append((total // 2, total - total // 2))
    return np.pad(x, [(0, 0), *zeros])
