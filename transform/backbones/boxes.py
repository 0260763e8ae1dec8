"""Anchors, the refinement and suppression of boxes, and pooling inside of them.

A box is (y1, x1, y2, x2), the corners above left and below right. In pixels a corner
is an edge between pixels: the whole picture is (0, 0, size, size). Inside of the
detector boxes are *indexed*, as its weights were trained: shares of size − 1 from the
centre of the first pixel to that of the last, the second corner one pixel within. All
else here takes shares of the picture, edge to edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from transform.common.config import Config
from transform.schema import Objects, Proposals, RegionSelection

# What deltas were divided by in training: of centres, then of log sides.
_DELTA_SCALE = (0.1, 0.1, 0.2, 0.2)
# Beyond e¹⁰ times an anchor every box reaches past the picture and is clipped.
_MAX_LOG_SCALE = 10.0
_MIN_AREA = 1e-12  # of empty boxes, whose logarithm is wanted all the same
_CANONICAL_SIDE = 224  # of a box that belongs to level 4


class Detections(NamedTuple):
    """The regions found in each frame, best first; absent ones are all zeros."""

    boxes: tf.Tensor  # (B, R, 4) float32, shares of the frame
    scores: tf.Tensor  # (B, R) float32
    classes: tf.Tensor  # (B, R) int32, 0 where absent
    features: tf.Tensor  # (B, R, D) float32


# ------------------------------------------------------------------ coordinates


def to_indexed(pixels: np.ndarray | tf.Tensor, size: int) -> np.ndarray | tf.Tensor:
    """Converts boxes in pixels to the detector's own coordinates."""
    return (pixels - np.array([0, 0, 1, 1], np.float32)) / np.float32(size - 1)


def to_pixels(indexed: tf.Tensor, size: int) -> tf.Tensor:
    """Converts the detector's coordinates to pixels; inverts `to_indexed`."""
    return indexed * np.float32(size - 1) + np.array([0, 0, 1, 1], np.float32)


def within(pixels: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Converts pixels of a padded picture to shares of the frame that it holds.

    Args:
        pixels: (…, 4).
        window: (4,) where the frame lies in the picture, in pixels.
    """
    corner, far = window[:2], window[2:]
    return (pixels - tf.tile(corner, [2])) / tf.tile(far - corner, [2])


def clip(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Cuts boxes (…, 4) to the part that lies in the window (4,)."""
    low, high = tf.tile(window[:2], [2]), tf.tile(window[2:], [2])
    return tf.minimum(tf.maximum(boxes, low), high)


# -------------------------------------------------------------- anchors, deltas


def pyramid_anchors(
    size: int,
    sides: Sequence[int] = (32, 64, 128, 256, 512),
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
    strides: Sequence[int] = (4, 8, 16, 32, 64),
) -> np.ndarray:
    """Returns a square picture's anchors (Lin et al., 2017, Feature Pyramid Networks).

    Args:
        size: of the picture in pixels.
        sides: one a level, the root of its anchors' area.
        ratios: of width to height.
        strides: one a level, between its cells.

    Returns:
        (A, 4) float32 in pixels; level by level, cell by cell, ratio by ratio. An
        anchor's centre is the corner of its cell that is above left.
    """
    levels = []
    for side, stride in zip(sides, strides, strict=True):
        cells = np.arange(math.ceil(size / stride)) * stride
        centres = np.stack(np.meshgrid(cells, cells, indexing="ij"), axis=-1)
        root = np.sqrt(ratios)
        halves = np.stack([side / root, side * root], axis=-1) / 2  # (ratios, 2)
        centres = centres.reshape(-1, 1, 2)
        corners = [centres - halves, centres + halves]  # (cells, ratios, 2)
        levels.append(np.concatenate(corners, axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def refine(boxes: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Moves and scales boxes (…, 4) by what a network says of them (…, 4).

    Deltas are (dy, dx, dh, dw): the centre moves by shares of the sides, which grow by
    powers of e (Girshick et al., 2014, R-CNN, eqs. 1–4).
    """
    deltas = deltas * _DELTA_SCALE
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = boxes[..., :2] + 0.5 * sides + deltas[..., :2] * sides
    halves = 0.5 * sides * tf.exp(tf.minimum(deltas[..., 2:], _MAX_LOG_SCALE))
    return tf.concat([centres - halves, centres + halves], axis=-1)


# ------------------------------------------------------------------ suppression


def propose(
    scores: tf.Tensor,
    deltas: tf.Tensor,
    anchors: tf.Tensor,
    *,
    considered: int = 6000,
    count: int = 1000,
    overlap: float = 0.7,
) -> tf.Tensor:
    """Selects the boxes that deserve a closer look (Ren et al., 2015, Faster R-CNN).

    Args:
        scores: (B, A) that an anchor shows an object.
        deltas: (B, A, 4) from the anchors.
        anchors: (A, 4) indexed.
        considered: how many of the best anchors are looked at.
        count: how many boxes are kept.
        overlap: intersection over union beyond which the lower score is dropped.

    Returns:
        (B, count, 4) indexed boxes, best first; zeros where there are fewer.
    """
    best = tf.math.top_k(scores, min(considered, scores.shape[1]))
    boxes = refine(
        tf.gather(anchors, best.indices),
        tf.gather(deltas, best.indices, batch_dims=1),
    )
    boxes = clip(boxes, tf.constant([0.0, 0.0, 1.0, 1.0]))  # (B, considered, 4)

    def suppress(frame: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        boxes, scores = frame
        kept = tf.image.non_max_suppression(boxes, scores, count, overlap)
        return _fill(tf.gather(boxes, kept), count)

    return tf.map_fn(
        suppress,
        (boxes, best.values),
        fn_output_signature=tf.TensorSpec([count, 4], boxes.dtype),
    )


def select(
    boxes: tf.Tensor,
    probabilities: tf.Tensor,
    features: tf.Tensor,
    *,
    selection: RegionSelection,
    count: int,
    overlap: float,
) -> Detections:
    """Selects the regions among classified boxes, each class suppressed on its own.

    Args:
        boxes: (B, R, K, 4) one for each class.
        probabilities: (B, R, K); class 0 is the background.
        features: (B, R, D).
        selection: Which boxes count.
        count: how many regions are kept.
        overlap: intersection over union beyond which, of two regions of one class, the
            one of the lower score is suppressed.
    """
    rule = _RULES[type(selection)]
    classes, passes = rule.classify(probabilities, selection)  # (B, R) both
    scores = tf.gather(probabilities, classes, batch_dims=2)
    boxes = tf.gather(boxes, classes, batch_dims=2)  # (B, R, 4)
    extended = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    ranks = tf.where(passes & extended, scores, -1.0)

    def suppress(frame: Sequence[tf.Tensor]) -> Detections:
        boxes, scores, classes, features, ranks = frame
        same = classes[:, None] == classes[None]  # (R, R)
        overlaps = tf.where(same, intersection_over_union(boxes), 0.0)
        kept = tf.image.non_max_suppression_overlaps(
            overlaps, ranks, count, overlap, score_threshold=0.0
        )
        kept = rule.order(kept, ranks, count)
        return Detections(
            *(
                _fill(tf.gather(values, kept), count)
                for values in (boxes, scores, classes, features)
            )
        )

    width = features.shape[-1]
    return tf.map_fn(
        suppress,
        (boxes, scores, classes, features, ranks),
        fn_output_signature=Detections(
            tf.TensorSpec([count, 4], tf.float32),
            tf.TensorSpec([count], tf.float32),
            tf.TensorSpec([count], tf.int32),
            tf.TensorSpec([count, width], tf.float32),
        ),
    )


class _Rule(NamedTuple):
    """A way of selecting regions."""

    # (B, R, K) probabilities → (B, R) class of each box, (B, R) whether it may count
    classify: Callable[[tf.Tensor, Any], tuple[tf.Tensor, tf.Tensor]]
    # unsuppressed rows, (R,) ranks, count → the rows of the regions
    order: Callable[[tf.Tensor, tf.Tensor, int], tf.Tensor]


def _objects(
    probabilities: tf.Tensor, selection: Objects
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the likeliest class, unless that is the background."""
    classes = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    scores = tf.reduce_max(probabilities, axis=-1)
    return classes, (classes > 0) & (scores >= selection.min_score)


def _proposals(
    probabilities: tf.Tensor, selection: Proposals
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the likeliest class but the background, however likely that is."""
    del selection
    classes = 1 + tf.argmax(probabilities[..., 1:], axis=-1, output_type=tf.int32)
    return classes, tf.ones_like(classes, tf.bool)


def _unsuppressed(kept: tf.Tensor, ranks: tf.Tensor, count: int) -> tf.Tensor:
    del ranks, count
    return kept


def _suppressed_last(kept: tf.Tensor, ranks: tf.Tensor, count: int) -> tf.Tensor:
    """Fills the rows up with suppressed ones, best first."""
    bonus = tf.scatter_nd(kept[:, tf.newaxis], tf.ones_like(kept), tf.shape(ranks))
    order = tf.math.top_k(ranks + tf.cast(bonus, ranks.dtype), tf.size(ranks)).indices
    return tf.boolean_mask(order, tf.gather(ranks, order) >= 0)[:count]


_RULES: Mapping[type[Config], _Rule] = {
    Objects: _Rule(_objects, _unsuppressed),
    Proposals: _Rule(_proposals, _suppressed_last),
}


def intersection_over_union(boxes: tf.Tensor) -> tf.Tensor:
    """Returns the overlaps (R, R) of boxes (R, 4); 0 with boxes of no area."""
    low = tf.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = tf.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
    areas = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    return tf.math.divide_no_nan(shared, areas[:, None] + areas[None] - shared)


def _fill(values: tf.Tensor, count: int) -> tf.Tensor:
    """Pads the values with zeros, up to `count` of them."""
    padding = [[0, count - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
    filled = tf.pad(values, padding)
    return tf.ensure_shape(filled, [count, *values.shape[1:]])


# -------------------------------------------------------------- inside of boxes


def sample_pyramid(
    levels: Sequence[tf.Tensor], boxes: tf.Tensor, size: int, bins: int = 7
) -> tf.Tensor:
    """Samples the map of each box from the pyramid's level of the box's size.

    A bin is one sample: the first stands on the box's first row, the last on its last
    one, as in Matterport's `PyramidROIAlign`. Its weights were trained so; for other
    networks' maps there is `roi_align`.

    Args:
        levels: P2…P5, each (B, rows, columns, D).
        boxes: (B, R, 4) indexed.
        size: of the picture in pixels.
        bins: samples a side.

    Returns:
        (B, R, bins, bins, D).
    """
    batch, count = tf.shape(boxes)[0], boxes.shape[1]
    area = tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    side = tf.sqrt(tf.maximum(area, _MIN_AREA)) * size  # (B, R) pixels
    # Feature Pyramid Networks, eq. 1, with k0 = 4; rounded, not cut off.
    above = tf.round(tf.math.log(side / _CANONICAL_SIDE) / math.log(2.0))
    level = tf.reshape(tf.clip_by_value(4 + tf.cast(above, tf.int32), 2, 5), [-1])
    frame = tf.repeat(tf.range(batch), count)  # (B · R,)
    flat = tf.reshape(boxes, [-1, 4])
    samples, order = [], []
    for number, values in enumerate(levels, 2):
        where = tf.where(level == number)[:, 0]
        samples.append(
            tf.image.crop_and_resize(
                values, tf.gather(flat, where), tf.gather(frame, where), [bins, bins]
            )
        )
        order.append(where)
    back = tf.math.invert_permutation(tf.concat(order, axis=0))
    together = tf.gather(tf.concat(samples, axis=0), back)
    return tf.reshape(together, [batch, count, bins, bins, levels[0].shape[-1]])


def roi_align(
    maps: tf.Tensor, boxes: tf.Tensor, bins: int = 7, samples: int = 2
) -> tf.Tensor:
    """Computes ROI-align (He et al., 2017, Mask R-CNN, Sec. 3), aligned to half a cell.

    Every bin is the mean of samples × samples points at regular distances, each
    interpolated between the centres of the four nearest cells. Up to one cell beyond
    the outermost centres a point has the outermost cell's value, further out zero.

    Args:
        maps: (B, rows, columns, D).
        boxes: (B, R, 4) shares of the map, edge to edge.
        bins: a side.
        samples: points a bin and side.

    Returns:
        (B, R, bins, bins, D).
    """
    # All of it is linear and goes along one side at a time: a matrix for each.
    rows, columns = maps.shape[1:3]
    down = _shares_of_cells(boxes[..., 0], boxes[..., 2], rows, bins, samples)
    right = _shares_of_cells(boxes[..., 1], boxes[..., 3], columns, bins, samples)
    halfway = tf.einsum("brpi,bijd->brpjd", down, maps)
    return tf.matmul(right[:, :, tf.newaxis], halfway)  # over j, of each r and p


def _shares_of_cells(
    low: tf.Tensor, high: tf.Tensor, cells: int, bins: int, samples: int
) -> tf.Tensor:
    """Computes how much of every cell is in every bin along one side of a box.

    Args:
        low: (B, R), where the box begins, as a share of the side.
        high: (B, R), where it ends.
        cells: of the side.
        bins: of the box.
        samples: points a bin.

    Returns:
        (B, R, bins, cells).
    """
    points = bins * samples
    along = (tf.range(points, dtype=tf.float32) + 0.5) / points
    low, high = low[..., tf.newaxis], high[..., tf.newaxis]
    at = (low + (high - low) * along) * cells - 0.5  # from the first cell's centre
    inside = tf.cast((at >= -1.0) & (at <= cells), tf.float32)
    nearest = tf.clip_by_value(at, 0.0, cells - 1.0)[..., tf.newaxis]
    distance = tf.abs(nearest - tf.range(cells, dtype=tf.float32))
    shares = tf.maximum(1.0 - distance, 0.0) * inside[..., tf.newaxis]
    batch, count = tf.shape(low)[0], low.shape[1]
    by_bin = tf.reshape(shares, [batch, count, bins, samples, cells])
    return tf.reduce_mean(by_bin, axis=-2)


def pool(maps: tf.Tensor, boxes: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Averages the bins of each region to a vector; zeros where there is no region.

    Args:
        maps: (B, rows, columns, D), each of a whole frame.
        boxes: (B, R, 4) shares of the frame.
        present: (B, R) bool.

    Returns:
        (B, R, D).
    """
    vectors = tf.reduce_mean(roi_align(maps, boxes), axis=(2, 3))
    return tf.where(present[..., tf.newaxis], vectors, 0.0)
