import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.functional.affine_motion import affine_motion
from tests.reference.affine_motion import affine_motion as reference

Y, X = np.mgrid[0:32, 0:32].astype(np.float32)
INSIDE = np.hypot(X - 20, Y - 12) < 7  # a disc away from the picture's centre


def planes(x, y, speed=0.3):
    field = np.where(INSIDE[..., np.newaxis], np.stack([x, y], axis=-1), 0) * speed
    return tf.constant(np.tile(field, 3)[np.newaxis, np.newaxis], tf.float32)


def measure(x, y, speed=0.3):
    return affine_motion(planes(x, y, speed)).numpy()[0, 0]


ONES, ZEROS = np.ones_like(X), np.zeros_like(X)
DISTANCE = np.maximum(np.hypot(X - 20, Y - 12), 1e-3)
OUT_X, OUT_Y = (X - 20) / DISTANCE, (Y - 12) / DISTANCE


@pytest.mark.parametrize("planes", [2, 6])
def test_equals_the_sums_over_cells(planes):
    flow = np.random.default_rng(0).uniform(-1, 1, (2, 3, 5, 7, planes))
    flow *= np.array([1, 0.1, 0.01])[:, None, None, None]  # fast and slow pictures
    found = affine_motion(tf.constant(flow, tf.float32))
    for at in np.ndindex(2, 3):
        np.testing.assert_allclose(found[at], reference(flow[at]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "index", "sign"),
    [
        ((ONES, ZEROS), 0, 1),
        ((-ONES, ZEROS), 0, -1),
        ((ZEROS, ONES), 1, 1),
        ((ZEROS, -ONES), 1, -1),
        ((OUT_X, OUT_Y), 2, 1),
        ((-OUT_X, -OUT_Y), 2, -1),
        ((-OUT_Y, OUT_X), 3, 1),
        ((OUT_Y, -OUT_X), 3, -1),
    ],
    ids="right left down up grow shrink clockwise counter-clockwise".split(),
)
def test_each_pure_motion_has_its_own_number(field, index, sign):
    found = measure(*field)
    assert sign * found[index] > 0.7
    others = np.delete(found[:4], index)
    assert np.abs(others).max() < 0.05


def test_faster_means_more_speed_and_hardly_another_direction():
    slow, fast = measure(ONES, ZEROS, 0.1), measure(ONES, ZEROS, 0.6)
    assert fast[4] > slow[4]
    assert abs(fast[0] - slow[0]) < 0.5


def test_stillness_is_zero_and_its_gradient_finite():
    still = tf.zeros([2, 3, 16, 16, 4])
    with tf.GradientTape() as tape:
        tape.watch(still)
        motion = affine_motion(still)
    np.testing.assert_allclose(motion, 0, atol=1e-3)
    assert np.isfinite(tape.gradient(motion, still).numpy()).all()
