import pytest

from keras_models.metrics import diversity


def test_measures_worked_by_hand():
    captions = ["A dog runs runs runs", "a dog runs", "the man plays with a"]
    found = diversity.summary(captions)
    assert found == {
        "caption_length": pytest.approx(13 / 3),
        "vocabulary_size": 7,
        "distinct_captions": 1.0,
        "distinct_1": pytest.approx(7 / 13),
        "distinct_2": pytest.approx(7 / 10),
        "repetition": pytest.approx(1 / 10),
        "bad_endings": pytest.approx(1 / 3),
    }


def test_one_caption_for_all_clips_is_seen():
    assert diversity.distinct_captions(["a man"] * 50) == 1 / 50


def test_empty_captions_end_badly_and_nothing_divides_by_zero():
    assert diversity.bad_endings(["", "a dog"]) == 0.5
    assert set(diversity.summary([]).values()) == {0.0}
    assert diversity.repetition(["", "one"]) == 0.0
