import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keras_models.layers.functional.masking import masked_mean, masked_softmax

SCORES = npst.arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32))
MASKS = npst.arrays(bool, (3, 5))


@hypothesis.given(SCORES, MASKS)
def test_softmax_sums_to_one_over_what_is_there_and_to_zero_where_nothing_is(
    scores, mask
):
    weights = masked_softmax(tf.constant(scores), tf.constant(mask)).numpy()
    assert np.all(weights[~mask] == 0)
    np.testing.assert_allclose(weights.sum(axis=1), mask.any(axis=1), atol=1e-5)


def test_softmax_of_nothing_has_a_zero_gradient_not_nan():
    scores = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(masked_softmax(scores, tf.constant([[False, False]])))
    assert np.array_equal(tape.gradient(loss, scores), [[0, 0]])


def test_mean_looks_at_what_is_there():
    values = tf.constant([[[1.0], [3.0], [50.0]], [[7.0], [8.0], [9.0]]])
    mask = tf.constant([[True, True, False], [False, False, False]])
    assert np.array_equal(masked_mean(values, mask), [[2], [0]])
