import numpy as np

from serving.visualization import overlays


def test_the_most_attended_cell_is_the_brightest():
    weights = np.zeros((3, 3))
    weights[0, 2] = 1.0
    frame = np.full((90, 90, 3), 100, np.uint8)
    overlay = overlays.overlay(frame, overlays.grid_heat(weights, (90, 90)))
    cells = overlay.astype(float).sum(-1).reshape(3, 30, 3, 30).mean((1, 3))
    assert np.unravel_index(cells.argmax(), cells.shape) == (0, 2)


def test_equal_weights_are_equally_warm():
    heat = overlays.grid_heat(np.full((3, 3), 0.1), (30, 30))
    np.testing.assert_allclose(heat, 1, atol=1e-6)


def test_a_grid_that_sees_more_than_the_frame_is_cut_to_it():
    weights = np.array([[1.0], [0.0], [0.0], [1.0]])
    whole = overlays.grid_heat(weights, (40, 40), seen=(-0.5, 0.0, 1.5, 1.0))
    assert whole.shape == (40, 40)
    assert whole[15:25].max() < 0.1  # its middle rows are the frame's


def test_the_warmer_of_two_boxes_counts_where_they_overlap():
    boxes = np.array([[0, 0, 0.6, 1.0], [0.4, 0, 1.0, 1.0], [0, 0, 0, 0]])
    heat = overlays.box_heat(np.array([0.8, 0.2, 0.0]), boxes, (10, 4))
    np.testing.assert_allclose(heat[:, 0], [1] * 6 + [0.25] * 4)


def test_a_square_is_put_where_it_was_seen():
    square = np.zeros((8, 8, 3), np.uint8)
    picture = overlays.in_frame(square, (20, 40), (0.0, 0.25, 1.0, 0.75))
    dark = (picture == 0).all(axis=2)
    assert dark[:, 10:30].all() and not dark[:, :10].any() and not dark[:, 30:].any()


def test_no_motion_is_white_and_opposite_motions_differ_in_hue():
    still = np.full((8, 8, 4), 128, np.uint8)
    assert (overlays.flow_image(still) == 255).all()
    right, left = still.copy(), still.copy()
    right[..., 0::2] += 60
    left[..., 0::2] -= 60
    difference = overlays.flow_image(right).astype(int) - overlays.flow_image(left)
    assert np.abs(difference).max() > 200
