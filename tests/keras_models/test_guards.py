import pytest

from keras_models.guards import Guards


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_named(value):
    problem = Guards().check_step({"reward": 1.0, "loss": value})
    assert problem == f"loss is {value}"


def test_finite_values_are_fine():
    assert Guards().check_step({"loss": 1e30, "gradient_norm": 0.0}) == ""


def test_a_score_that_falls_below_its_share_of_the_best_trips():
    guards = Guards(score_ratio=0.5, distinct_ratio=0.0)
    assert guards.check_captions(0.51, 9, 1.0, 9) == ""
    assert "fell from 1.000 to 0.490" in guards.check_captions(0.49, 9, 1.0, 9)


def test_captions_that_become_one_trip():
    guards = Guards(distinct_ratio=0.2)
    assert guards.check_captions(1.0, 10, 1.0, 50) == ""
    problem = guards.check_captions(1.0, 9, 1.0, 50)
    assert problem == "the validation captions collapsed from 50 different ones to 9"


def test_early_scores_do_not_trip():
    assert Guards(floor=0.2).check_captions(0.0, 1, 0.19, 50) == ""
    assert Guards(floor=0.2).check_captions(0.0, 1, 0.2, 50) != ""
