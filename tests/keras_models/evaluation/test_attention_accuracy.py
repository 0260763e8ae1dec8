import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_models.evaluation import attention_accuracy as accuracy

SPANS = np.array([[0, 1], [1, 2], [2, 4.0]])


def test_a_frame_is_a_hit_if_its_most_attended_cell_shows_the_object():
    weights = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    coverage = np.array([[0.01, 0, 0], [1, 0, 0]])
    assert accuracy.pointing_game(weights, coverage) == 0.5


def test_frames_without_object_or_weights_do_not_count():
    weights = np.array([[1.0, 0], [0, 0], [0, 1.0]])
    coverage = np.array([[0, 0], [1, 1], [0, 0.5]])
    assert accuracy.pointing_game(weights, coverage) == 1
    assert math.isnan(accuracy.pointing_game(weights[:2], coverage[:2]))


@given(
    covered=st.lists(st.booleans(), min_size=2, max_size=12).filter(any),
    frames=st.integers(1, 4),
)
def test_uniform_attention_scores_what_a_random_choice_does(covered, frames):
    coverage = np.tile(np.array(covered, float), (frames, 1))
    weights = np.tile(accuracy.uniform(len(covered)), (frames, 1))
    expected = sum(covered) / len(covered)
    assert accuracy.pointing_game(weights, coverage) == pytest.approx(expected)


def test_a_word_is_a_hit_if_its_strongest_step_is_within_the_event():
    weights = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0, 0, 0]])
    event = np.array([[1.2, 2.5]])
    assert accuracy.temporal_hit_rate(weights, SPANS, event) == 0.5
    two = np.array([[1.2, 1.8], [2.5, 4]])
    assert accuracy.temporal_hit_rate(weights, SPANS, two) == 1
    uniform = np.full((2, 3), 1 / 3)
    assert accuracy.temporal_hit_rate(uniform, SPANS, np.array([[0, 2]])) == (
        pytest.approx(2 / 3)
    )
    assert math.isnan(accuracy.temporal_hit_rate(weights[2:], SPANS, event))


def test_an_event_that_every_step_or_none_lies_in_tells_nothing():
    weights = np.array([[0.1, 0.8, 0.1]])
    for event in ([[0, 4]], [[4, 5]]):
        assert math.isnan(accuracy.temporal_hit_rate(weights, SPANS, np.array(event)))


def test_coverage_is_the_share_of_a_cell():
    mask = np.zeros((40, 60), bool)
    mask[:20, :15] = True
    np.testing.assert_allclose(
        accuracy.cell_coverage(mask, (2, 3)), [0.75, 0, 0, 0, 0, 0]
    )


def test_the_centre_is_where_nothing_is_known():
    weights = accuracy.centre((7, 7)).reshape(7, 7)
    assert np.unravel_index(weights.argmax(), weights.shape) == (3, 3)
    assert weights.sum() == pytest.approx(1)
    assert accuracy.centre((1, 1)) == [1]


def test_random_weights_sum_to_one_and_repeat_by_their_seed():
    one, two = (accuracy.random((5, 4), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one.sum(axis=1), 1)
