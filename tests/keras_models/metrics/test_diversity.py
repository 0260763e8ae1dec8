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
        "empty": 0.0,
        "unknown": 0.0,
    }


def test_one_caption_for_all_clips_is_seen():
    assert diversity.distinct_captions(["a man"] * 50) == 1 / 50


def test_empty_captions_end_badly_and_nothing_divides_by_zero():
    assert diversity.bad_endings(["", "a dog"]) == 0.5
    assert diversity.empty(["", " ", "a dog", "it"]) == 0.5
    assert set(diversity.summary([]).values()) == {0.0}
    assert diversity.repetition(["", "one"]) == 0.0


def test_words_that_people_end_captions_with_break_nothing_off():
    whole = ["a dog runs inside", "people walk around", "a man looks at her"]
    assert diversity.bad_endings(whole) == 0
    assert diversity.bad_endings(["a dog runs into", "a dog runs in the"]) == 1


def test_words_that_the_vocabulary_lacks_are_counted():
    assert diversity.unknown(["a <unk> runs", "<UNK>"]) == 0.5


def test_captions_that_are_training_captions_word_for_word_are_counted():
    training = ["A dog runs", "a  man sings"]
    captions = ["a dog runs", "a man sings", "a man", "a dog runs fast"]
    assert diversity.copied(captions, training) == 0.5
