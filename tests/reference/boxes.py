"""Boxes one at a time: overlap, suppression, proposals and detections.

Ren et al., 2015, Faster R-CNN, Sec. 3.1, with the settings of Matterport's Mask_RCNN.
"""

import math

import numpy as np


def overlaps(box, others):
    """Intersection over union of a box (y1, x1, y2, x2) with each of several."""
    others = np.reshape(others, (-1, 4))
    high = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    wide = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(high, 0) * np.maximum(wide, 0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = area + areas - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)


def suppress(boxes, scores, most, threshold):
    """Indices of the boxes that no kept box of a higher score covers too much."""
    boxes = np.reshape(boxes, (-1, 4))
    kept = []
    for index in np.argsort(-np.asarray(scores), kind="stable"):
        if len(kept) == most:
            break
        if np.all(overlaps(boxes[index], boxes[kept]) <= threshold):
            kept.append(int(index))
    return kept


def refine(box, delta):
    """Moves a box's centre by shares of its sides and scales them by powers of e."""
    y1, x1, y2, x2 = box
    dy, dx, dh, dw = (d * s for d, s in zip(delta, (0.1, 0.1, 0.2, 0.2), strict=True))
    high, wide = y2 - y1, x2 - x1
    cy, cx = y1 + high / 2 + dy * high, x1 + wide / 2 + dx * wide
    high, wide = high * math.exp(dh), wide * math.exp(dw)
    return [cy - high / 2, cx - wide / 2, cy + high / 2, cx + wide / 2]


def clip(box, window):
    """The part of a box that lies in the window."""
    y1, x1, y2, x2 = window
    return [
        min(max(box[0], y1), y2),
        min(max(box[1], x1), x2),
        min(max(box[2], y1), y2),
        min(max(box[3], x1), x2),
    ]


def propose(scores, deltas, anchors, considered, count, threshold):
    """(A,), (A, 4), (A, 4) of one frame → (count, 4), zeros behind the last."""
    best = np.argsort(-scores, kind="stable")[:considered]
    boxes = [clip(refine(anchors[i], deltas[i]), (0, 0, 1, 1)) for i in best]
    kept = suppress(boxes, scores[best], count, threshold)
    proposals = np.zeros((count, 4))
    for row, index in enumerate(kept):
        proposals[row] = boxes[index]
    return proposals


def select(boxes, probabilities, count, min_score, threshold):
    """(R, K, 4), (R, K) of one frame → [(row, class, score)], best first."""
    found = []
    for category in range(1, probabilities.shape[1]):
        rows = [
            row
            for row in range(len(boxes))
            if probabilities[row].argmax() == category
            and probabilities[row, category] >= min_score
            and boxes[row, category, 2] > boxes[row, category, 0]
            and boxes[row, category, 3] > boxes[row, category, 1]
        ]
        its_boxes = [boxes[row, category] for row in rows]
        its_scores = [probabilities[row, category] for row in rows]
        for kept in suppress(its_boxes, its_scores, count, threshold):
            found.append((rows[kept], category, its_scores[kept]))
    return sorted(found, key=lambda item: -item[2])[:count]


def select_proposals(boxes, probabilities, count, threshold):
    """The best boxes, also those like background; those that overlap come last."""
    objects = probabilities.copy()
    objects[:, 0] = -1
    kept = {row for row, *_ in select(boxes, objects, len(boxes), 0, threshold)}
    classes = objects.argmax(axis=1)
    found = []
    for row, category in enumerate(classes):
        y1, x1, y2, x2 = boxes[row, category]
        if y2 > y1 and x2 > x1:
            found.append((row, category, objects[row, category]))
    return sorted(found, key=lambda item: (item[0] not in kept, -item[2]))[:count]
