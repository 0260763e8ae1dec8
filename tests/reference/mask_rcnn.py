"""Matterport's Mask R-CNN at inference, without masks, in NumPy and float64.

Weights are those of its .h5 files, by `layer/weight`.
"""

import math

import numpy as np

from tests.reference import boxes as box_math
from tests.reference import roi_align
from tests.reference.convolution import max_pool
from tests.reference.keras_layers import convolve, normalise, relu

MEAN = np.array([123.7, 116.8, 103.9])


def softmax(values):
    """Over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def bottleneck(x, weights, name, stride, projects):
    """One block of ResNet's first version."""
    inner = convolve(x, weights, f"res{name}_branch2a", stride)
    inner = relu(normalise(inner, weights, f"bn{name}_branch2a"))
    inner = convolve(inner, weights, f"res{name}_branch2b", padding="SAME")
    inner = relu(normalise(inner, weights, f"bn{name}_branch2b"))
    inner = convolve(inner, weights, f"res{name}_branch2c")
    inner = normalise(inner, weights, f"bn{name}_branch2c")
    if projects:
        x = convolve(x, weights, f"res{name}_branch1", stride)
        x = normalise(x, weights, f"bn{name}_branch1")
    return relu(inner + x)


def pyramid(picture, weights, blocks):
    """P2…P6 of a molded picture."""
    x = np.pad(picture, [(3, 3), (3, 3), (0, 0)])
    x = convolve(x, weights, "conv1", 2)
    x = max_pool(relu(normalise(x, weights, "bn_conv1")), 3, 2)
    maps = {}
    for stage, number in zip((2, 3, 4, 5), blocks, strict=True):
        for index in range(number):
            name = f"{stage}{chr(ord('a') + index)}"
            first = index == 0
            x = bottleneck(x, weights, name, 2 if first and stage > 2 else 1, first)
        maps[stage] = x
    levels = {5: convolve(maps[5], weights, "fpn_c5p5")}
    for level in (4, 3, 2):
        above = levels[level + 1].repeat(2, axis=0).repeat(2, axis=1)
        levels[level] = above + convolve(maps[level], weights, f"fpn_c{level}p{level}")
    smooth = [
        convolve(levels[level], weights, f"fpn_p{level}", padding="SAME")
        for level in (2, 3, 4, 5)
    ]
    return [*smooth, smooth[3][::2, ::2]]


def anchors(size):
    """(A, 4) in shares of size − 1, the second corner a pixel within."""
    rows = []
    for stride, side in zip((4, 8, 16, 32, 64), (32, 64, 128, 256, 512), strict=True):
        for y in range(0, size, stride):
            for x in range(0, size, stride):
                for ratio in (0.5, 1, 2):
                    high, wide = side / math.sqrt(ratio), side * math.sqrt(ratio)
                    rows.append(
                        [
                            (y - high / 2) / (size - 1),
                            (x - wide / 2) / (size - 1),
                            (y + high / 2 - 1) / (size - 1),
                            (x + wide / 2 - 1) / (size - 1),
                        ]
                    )
    return np.array(rows)


def sample(levels, box, size, bins):
    """The box on the level that its size belongs to."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    level = 2
    if area > 0:
        above = math.log2(math.sqrt(area) * size / 224)
        level = min(5, max(2, 4 + round(above)))
    return roi_align.one_sample_a_bin(levels[level - 2], box, bins)


def detect(picture, weights, blocks, window, count, min_score, nms):
    """One frame's objects: [(box, score, class, feature)], best first.

    Args:
        picture: (size, size, 3) RGB, black around the frame.
        weights: by `layer/weight`.
        blocks: of stages 2 to 5.
        window: (y1, x1, y2, x2) of the frame, in pixels.
        count: objects at the most.
        min_score: the lowest score.
        nms: of objects of one class.
    """
    size = picture.shape[0]
    levels = pyramid(picture - MEAN, weights, blocks)
    scores, deltas = [], []
    for level in levels:
        shared = relu(convolve(level, weights, "rpn_conv_shared", padding="SAME"))
        score = convolve(shared, weights, "rpn_class_raw").reshape(-1, 2)
        scores.append(softmax(score)[:, 1])
        deltas.append(convolve(shared, weights, "rpn_bbox_pred").reshape(-1, 4))
    scores, deltas = np.concatenate(scores), np.concatenate(deltas)
    proposals = box_math.propose(scores, deltas, anchors(size), 6000, 1000, 0.7)

    bins = weights["mrcnn_class_conv1/kernel"].shape[0]
    samples = np.stack([sample(levels[:4], box, size, bins) for box in proposals])
    kernel = weights["mrcnn_class_conv1/kernel"]
    x = np.einsum("ryxc,yxcd->rd", samples, kernel, optimize=True)
    x = relu(
        normalise(x + weights["mrcnn_class_conv1/bias"], weights, "mrcnn_class_bn1")
    )
    x = (
        x @ weights["mrcnn_class_conv2/kernel"][0, 0]
        + weights["mrcnn_class_conv2/bias"]
    )
    features = relu(normalise(x, weights, "mrcnn_class_bn2"))
    logits = features @ weights["mrcnn_class_logits/kernel"]
    probabilities = softmax(logits + weights["mrcnn_class_logits/bias"])
    deltas = features @ weights["mrcnn_bbox_fc/kernel"] + weights["mrcnn_bbox_fc/bias"]
    deltas = deltas.reshape(len(proposals), -1, 4)

    y1, x1, y2, x2 = window
    inner = np.array([y1, x1, y2 - 1, x2 - 1]) / (size - 1)
    refined = np.array(
        [
            [box_math.clip(box_math.refine(box, delta), inner) for delta in row]
            for box, row in zip(proposals, deltas, strict=True)
        ]
    )
    found = []
    for row, category, score in box_math.select(
        refined, probabilities, count, min_score, nms
    ):
        pixels = refined[row, category] * (size - 1) + [0, 0, 1, 1]
        corner, sides = np.array([y1, x1] * 2), np.array([y2 - y1, x2 - x1] * 2)
        found.append(((pixels - corner) / sides, score, category, features[row]))
    return found
