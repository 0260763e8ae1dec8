import numpy as np
import pytest

from keras_models.metrics.self_cider import self_cider

OTHER = ["some words that stand elsewhere"]


def test_captions_that_say_the_same_are_0_and_that_share_nothing_1():
    assert self_cider([["a red ball rolls"] * 3, OTHER]) == pytest.approx(0, abs=1e-6)
    apart = ["a red ball rolls", "two dogs run fast", "we see no man"]
    assert self_cider([apart, OTHER]) == pytest.approx(1)
    between = ["a red ball rolls", "a red ball stops", "we see no man"]
    assert 0.2 < self_cider([between, OTHER]) < 0.95


def test_value_worked_by_hand():
    # Of one word, idf log 2: only unigrams have a cosine, which is 1 or 0.
    same = [["ball", "ball", "dog"], ["cat"]]
    roots = np.sqrt([2 / 4, 1 / 4, 0])
    expected = -np.log(roots[0] / roots.sum()) / np.log(3)
    assert self_cider(same) == pytest.approx(expected, abs=1e-6)


def test_what_has_no_value_is_0():
    assert self_cider([]) == 0
    assert self_cider([["a ball"], ["a dog"]]) == 0
    assert self_cider([["", ""], ["a dog"]]) == 0
    assert self_cider([["a ball", "a ball"]]) == 0
