import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.reference import boxes as reference
from tests.reference import roi_align as align_reference
from transform.backbones import boxes
from transform.schema import Objects, Proposals
from transform.schema.resize import Letterbox


def draw_boxes(rng, *shape):
    """Boxes in 0…1 of all sizes, some of which overlap much."""
    corner = rng.uniform(0, 0.8, (*shape, 2))
    side = rng.uniform(0.02, 0.4, (*shape, 2))
    return np.concatenate([corner, corner + side], axis=-1).astype(np.float32)


# ------------------------------------------------------------------ coordinates


def test_anchors_are_those_worked_out_by_hand():
    anchors = boxes.pyramid_anchors(64)
    assert anchors.shape == ((16**2 + 8**2 + 4**2 + 2**2 + 1) * 3, 4)
    # 32 · √2 = 45.2548 high and 32 / √2 = 22.6274 wide, about the first pixel's corner.
    np.testing.assert_allclose(
        anchors[:3],
        [
            [-22.6274, -11.3137, 22.6274, 11.3137],
            [-16, -16, 16, 16],
            [-11.3137, -22.6274, 11.3137, 22.6274],
        ],
        atol=1e-4,
    )
    # The second cell lies 4 pixels to the right; the second row 4 below.
    np.testing.assert_allclose(anchors[4], [-16, -12, 16, 20])
    np.testing.assert_allclose(anchors[16 * 3 + 1], [-12, -16, 20, 16])
    np.testing.assert_allclose(anchors[16**2 * 3 + 1], [-32, -32, 32, 32])
    np.testing.assert_allclose(anchors[-2], [-256, -256, 256, 256])


def test_picture_of_1024_has_the_published_number_of_anchors():
    assert len(boxes.pyramid_anchors(1024)) == 261_888


def test_refinement_moves_by_shares_of_the_sides_and_scales_by_powers_of_e():
    candidates = tf.constant([[10.0, 20.0, 30.0, 60.0]])  # 20 × 40 about (20, 40)
    deltas = tf.constant([[5.0, -2.5, 5 * np.log(2.0), 0.0]])
    # 0.5 · 20 down, 0.25 · 40 to the left, twice as high.
    np.testing.assert_allclose(
        boxes.refine(candidates, deltas), [[10, 10, 50, 50]], rtol=1e-6
    )


def test_boxes_that_explode_are_clipped_to_the_picture():
    candidates = tf.constant([[0.2, 0.2, 0.4, 0.4]])
    exploded = boxes.refine(candidates, tf.constant([[0.0, 0.0, 1e4, 1e4]]))
    window = tf.constant([0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(boxes.clip(exploded, window), [[0, 0, 1, 1]])


def test_indexed_coordinates_go_from_the_first_pixel_to_the_last():
    pixels = np.array([[0, 0, 64, 64], [0, 0, 1, 1]], np.float32)
    indexed = boxes.to_indexed(pixels, 64)
    np.testing.assert_allclose(indexed, [[0, 0, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(boxes.to_pixels(indexed, 64), pixels)


@pytest.mark.parametrize(
    ("height", "width", "window"),
    [
        (120, 160, (8, 0, 56, 64)),
        (160, 120, (0, 8, 64, 56)),
        (3, 1000, (31, 0, 32, 64)),
    ],
)
def test_black_around_the_frame_is_undone(height, width, window):
    assert Letterbox().window(height, width, 64) == window
    edges = tf.constant(window, tf.float32)
    np.testing.assert_allclose(boxes.within(edges, edges), [0, 0, 1, 1])
    y1, x1, y2, x2 = window
    middle = [(y1 + y2) / 2, (x1 + x2) / 2, y2, x2]
    found = boxes.within(tf.constant(middle, tf.float32), edges)
    np.testing.assert_allclose(found, [0.5, 0.5, 1, 1])


# ------------------------------------------------------------------ suppression


def test_proposals_are_those_of_the_reference():
    rng = np.random.default_rng(0)
    anchors = boxes.to_indexed(boxes.pyramid_anchors(64), 64)
    scores = rng.uniform(size=(2, len(anchors))).astype(np.float32)
    deltas = rng.normal(size=(2, len(anchors), 4)).astype(np.float32)
    settings = {"considered": 600, "count": 200, "overlap": 0.7}
    found = boxes.propose(scores, tf.constant(deltas), anchors, **settings)
    for frame in range(2):
        expected = reference.propose(
            scores[frame], deltas[frame], anchors, 600, 200, 0.7
        )
        np.testing.assert_allclose(found[frame], expected, atol=1e-5)


def test_fewer_proposals_than_wanted_leave_zeros():
    anchors = boxes.to_indexed(boxes.pyramid_anchors(64), 64)
    scores = np.linspace(1, 0, len(anchors), dtype=np.float32)[None]
    deltas = tf.zeros([1, len(anchors), 4])
    found = boxes.propose(scores, deltas, anchors, considered=50, count=60).numpy()
    kept = np.any(found[0] != 0, axis=-1)
    assert 0 < kept.sum() < 50
    assert not kept[kept.sum() :].any()


@pytest.mark.parametrize("min_score", [0.0, 0.5])
def test_detections_are_those_of_the_reference(min_score):
    rng = np.random.default_rng(1)
    candidates = draw_boxes(rng, 2, 60, 5)
    logits = rng.normal(scale=2, size=(2, 60, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probabilities = probabilities.astype(np.float32)
    features = rng.normal(size=(2, 60, 7)).astype(np.float32)
    found = boxes.select(
        *map(tf.constant, (candidates, probabilities, features)),
        selection=Objects(min_score=min_score),
        count=20,
        overlap=0.3,
    )
    for frame in range(2):
        expected = reference.select(
            candidates[frame], probabilities[frame], 20, min_score, 0.3
        )
        rows = [row for row, _, _ in expected]
        classes = [category for _, category, _ in expected]
        count = len(expected)
        assert 3 < count <= 20
        np.testing.assert_array_equal(found.classes[frame, :count], classes)
        np.testing.assert_array_equal(
            found.boxes[frame, :count], candidates[frame][rows, classes]
        )
        np.testing.assert_array_equal(
            found.scores[frame, :count], [score for *_, score in expected]
        )
        np.testing.assert_array_equal(
            found.features[frame, :count], features[frame][rows]
        )
        for values in found:
            assert not np.any(values[frame, count:])


def test_one_box_can_be_of_two_classes_but_not_twice_of_one():
    candidates = tf.constant([[[[0.1, 0.1, 0.5, 0.5]] * 3] * 3])  # (1, 3, 3, 4)
    probabilities = tf.constant([[[0.1, 0.8, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6]]])
    found = boxes.select(
        candidates,
        probabilities,
        tf.ones([1, 3, 2]),
        selection=Objects(min_score=0),
        count=3,
        overlap=0.3,
    )
    np.testing.assert_array_equal(found.classes, [[1, 2, 0]])
    np.testing.assert_allclose(found.scores, [[0.8, 0.6, 0]])


def test_background_and_boxes_without_extent_are_no_objects():
    flat = [[0.2, 0.2, 0.2, 0.9]] * 2
    whole = [[0.0, 0.0, 1.0, 1.0]] * 2
    probabilities = tf.constant([[[0.1, 0.9], [0.9, 0.1]]])
    found = boxes.select(
        tf.constant([[flat, whole]]),
        probabilities,
        tf.ones([1, 2, 4]),
        selection=Objects(min_score=0),
        count=2,
        overlap=0.3,
    )
    for values in found:
        assert not np.any(values)


@pytest.mark.parametrize("background", [0.0, 4.0])
def test_the_best_proposals_are_those_of_the_reference(background):
    rng = np.random.default_rng(3)
    candidates = draw_boxes(rng, 2, 40, 5)
    logits = rng.normal(scale=2, size=(2, 40, 5))
    logits[..., 0] += background
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probabilities = probabilities.astype(np.float32)
    features = rng.normal(size=(2, 40, 7)).astype(np.float32)
    found = boxes.select(
        *map(tf.constant, (candidates, probabilities, features)),
        selection=Proposals(),
        count=30,
        overlap=0.3,
    )
    for frame in range(2):
        expected = reference.select_proposals(
            candidates[frame], probabilities[frame], 30, 0.3
        )
        rows, classes, scores = zip(*expected, strict=True)
        assert len(rows) == 30
        np.testing.assert_array_equal(found.classes[frame], classes)
        np.testing.assert_array_equal(found.scores[frame], scores)
        np.testing.assert_array_equal(
            found.boxes[frame], candidates[frame][list(rows), list(classes)]
        )
        np.testing.assert_array_equal(
            found.features[frame], features[frame][list(rows)]
        )


def test_a_frame_that_looks_like_background_has_its_ten_regions():
    rng = np.random.default_rng(4)
    candidates = draw_boxes(rng, 1, 25, 3)
    candidates[0, 12:] = 0  # the detector proposed 12 boxes
    probabilities = np.tile(np.array([0.9, 0.06, 0.04], np.float32), (1, 25, 1))
    features = tf.ones([1, 25, 4])
    inputs = (tf.constant(candidates), tf.constant(probabilities), features)
    objects, best, more = (
        boxes.select(*inputs, selection=selection, count=count, overlap=0.3)
        for selection, count in (
            (Objects(min_score=0), 10),
            (Proposals(), 10),
            (Proposals(), 20),
        )
    )
    present = [
        int(np.any(found.features[0], axis=-1).sum()) for found in (objects, best, more)
    ]
    assert present == [0, 10, 12]


# -------------------------------------------------------------- inside of boxes

BOXES = {
    "inside": (0.21, 0.13, 0.78, 0.66),
    "whole": (0.0, 0.0, 1.0, 1.0),
    "corner": (0.0, 0.0, 0.11, 0.2),
    "far corner": (0.9, 0.95, 1.0, 1.0),
    "tiny": (0.5, 0.5, 0.5001, 0.5002),
    "a point": (0.3, 0.3, 0.3, 0.3),
    "reaching out": (-0.3, 0.4, 0.5, 1.4),
    "outside": (1.5, 1.5, 1.9, 1.8),
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_roi_align_is_that_of_the_reference(box):
    maps = np.random.default_rng(2).normal(size=(1, 9, 12, 3)).astype(np.float32)
    found = boxes.roi_align(tf.constant(maps), tf.constant([[box]], tf.float32))
    expected = align_reference.roi_align(maps[0].astype(float), box)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-5, atol=1e-5)


edges = st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)).map(sorted)


@settings(max_examples=25, deadline=None)
@given(edges, edges, st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
def test_roi_align_of_any_box_on_any_map(ys, xs, rows, columns, samples):
    # A point just at a cell's width outside is on either side of the rule.
    cells = [(ys, rows), (xs, columns)]
    for (low, high), length in cells:
        shares = (np.arange(3 * samples) + 0.5) / (3 * samples)
        points = (low + (high - low) * shares) * length - 0.5
        assume(np.all(np.abs(points + 1) > 1e-4))
        assume(np.all(np.abs(points - length) > 1e-4))
    maps = np.random.default_rng(3).normal(size=(1, rows, columns, 2))
    box = np.array([ys[0], xs[0], ys[1], xs[1]], np.float32)
    found = boxes.roi_align(
        tf.constant(maps, tf.float32), tf.constant([[box]]), 3, samples
    )
    expected = align_reference.roi_align(maps[0], box.astype(float), 3, samples)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-5, atol=2e-5)


def test_bins_of_a_ramp_are_their_centres():
    ramp = np.broadcast_to((np.arange(8) + 0.5)[None, :, None, None], (1, 8, 8, 1))
    box = tf.constant([[[0.125, 0.125, 0.875, 0.875]]])  # rows 1 to 7
    found = boxes.roi_align(tf.constant(ramp, tf.float32), box, bins=3)
    np.testing.assert_allclose(found[0, 0, :, 0, 0], [2, 4, 6], rtol=1e-6)


def test_regions_of_several_frames_come_from_their_own_maps():
    maps = tf.reshape(tf.constant([1.0, 2.0, 3.0]), [3, 1, 1, 1]) * tf.ones(
        [3, 4, 4, 1]
    )
    candidates = tf.constant([[[0.1, 0.1, 0.9, 0.9], [0.0, 0.0, 0.5, 0.5]]] * 3)
    present = tf.constant([[True, True], [True, False], [False, False]])
    found = boxes.pool(maps, candidates, present)
    np.testing.assert_allclose(found[..., 0], [[1, 1], [2, 0], [0, 0]])


def test_pyramid_is_sampled_on_the_level_of_the_box_size():
    rng = np.random.default_rng(4)
    size = 512
    levels = [
        tf.constant(rng.normal(size=(2, size // s, size // s, 2)), tf.float32)
        for s in (4, 8, 16, 32)
    ]
    candidates = draw_boxes(rng, 2, 12)
    candidates[0, :5, :2] = 0.1
    for row, side in enumerate((10, 60, 112, 224, 400)):  # levels 2, 2, 3, 4, 5
        candidates[0, row, 2:] = 0.1 + side / size
    candidates[1, -1] = 0.0
    found = boxes.sample_pyramid(levels, tf.constant(candidates), size, bins=4)
    for frame in range(2):
        for row, box in enumerate(candidates[frame]):
            area = float(np.prod(box[2:].astype(float) - box[:2]))
            level = 2
            if area > 0:
                level = int(np.clip(4 + np.rint(np.log2(area**0.5 * size / 224)), 2, 5))
            expected = align_reference.one_sample_a_bin(
                levels[level - 2][frame].numpy().astype(float), box.astype(float), 4
            )
            np.testing.assert_allclose(
                found[frame, row], expected, rtol=1e-4, atol=2e-4
            )
