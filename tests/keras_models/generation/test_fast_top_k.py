import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_models.generation.fast_top_k import fast_top_k


@hypothesis.given(
    seed=st.integers(0, 1000),
    rows=st.integers(0, 3),
    size=st.integers(1, 200),
    count=st.integers(1, 12),
    levels=st.integers(1, 50),
)
@hypothesis.settings(deadline=None, max_examples=50)
def test_equals_top_k_with_ties_and_impossible_words(seed, rows, size, count, levels):
    random = np.random.default_rng(seed)
    scores = random.integers(0, levels, (rows, size)).astype(np.float32)
    scores[random.random(scores.shape) < 0.3] = -np.inf
    values, ids = fast_top_k(tf.constant(scores), count)
    expected = tf.math.top_k(scores, min(count, size))
    np.testing.assert_array_equal(values, expected.values)
    possible = np.isfinite(values)
    np.testing.assert_array_equal(
        ids.numpy()[possible], expected.indices.numpy()[possible]
    )


def test_a_number_of_words_that_is_not_known_is_refused():
    function = tf.function(
        lambda scores: fast_top_k(scores, 2),
        input_signature=[tf.TensorSpec([None, None])],
        autograph=False,
    )
    with pytest.raises(ValueError, match="number of words"):
        function.get_concrete_function()
