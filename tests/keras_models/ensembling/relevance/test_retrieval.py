import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_models.ensembling.relevance import retrieval

OWN = np.array([0, 0, 1, 2])
ALONE = OWN == np.arange(3)[:, np.newaxis]  # no caption fits two clips


def test_ranks_of_a_case_worked_by_hand():
    scores = np.array(
        [
            [0.9, 0.1, 0.3, 0.2],
            [0.2, 0.3, 0.8, 0.9],
            [0.1, 0.2, 0.4, 0.5],
        ]
    )
    # Clips by captions rank 1, 3, 1, 2; captions by clips 1, 2, 1.
    found = retrieval.measure(scores, OWN, ALONE)
    assert found.clip_recall == 2 / 4
    assert found.caption_recall == 2 / 3
    clips, captions = (1 + 1 / 3 + 1 + 1 / 2) / 4, (1 + 1 / 2 + 1) / 3
    np.testing.assert_allclose(found.mean_reciprocal_rank, (clips + captions) / 2)


def test_a_model_that_tells_nothing_apart_finds_nothing():
    found = retrieval.measure(np.full((3, 4), 0.7), OWN, ALONE)
    assert found[:2] == (0, 0)
    assert found.mean_reciprocal_rank < 0.6


def test_scores_that_are_no_numbers_find_nothing():
    result = retrieval.measure(np.full((3, 4), np.nan), OWN, ALONE)
    assert result[:2] == (0, 0)
    assert result.mean_reciprocal_rank < 0.6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_a_model_that_puts_all_own_captions_first_is_perfect(seed):
    random = np.random.default_rng(seed)
    scores = random.uniform(-1, 0.4, (3, 4))
    scores[OWN, np.arange(4)] = random.uniform(0.5, 1, 4)
    assert retrieval.measure(scores, OWN, ALONE) == (1, 1, 1)


def test_captions_that_say_the_same_are_no_mistakes():
    texts = ["a ball", "a cube", "a ball", "a cone"]
    related = retrieval.same_texts(OWN, texts, 3)
    np.testing.assert_array_equal(
        related,
        [
            [True, True, True, False],
            [True, False, True, False],
            [False, False, False, True],
        ],
    )
    scores = np.where(related, 0.5, 0.1)
    assert retrieval.measure(scores, OWN, related) == (1, 1, 1)
    assert retrieval.measure(scores, OWN, ALONE) != (1, 1, 1)
