import pytest

from keras_models.training.guards import Guards, ValidationMetrics


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_named(value):
    problem = Guards().check_step({"reward": 1.0, "loss": value})
    assert problem == f"loss is {value}"


def test_finite_values_are_fine():
    assert Guards().check_step({"loss": 1e30, "gradient_norm": 0.0}) == ""


def test_a_score_that_falls_below_its_share_of_the_best_trips():
    guards = Guards(score_ratio=0.5, distinct_ratio=0.0)
    best = ValidationMetrics(1.0, 9, 0.0)
    assert guards.check_captions(ValidationMetrics(0.51, 9, 0), best) == ""
    problem = guards.check_captions(ValidationMetrics(0.49, 9, 0), best)
    assert "fell from 1.000 to 0.490" in problem


def test_captions_that_become_one_trip():
    guards = Guards(distinct_ratio=0.2)
    best = ValidationMetrics(1.0, 50, 0.0)
    assert guards.check_captions(ValidationMetrics(1.0, 10, 0), best) == ""
    problem = guards.check_captions(ValidationMetrics(1.0, 9, 0), best)
    assert problem == "the validation captions collapsed from 50 different ones to 9"


def test_early_scores_do_not_trip():
    guards, collapsed = Guards(floor=0.2), ValidationMetrics(0.0, 1, 1.0)
    assert guards.check_captions(collapsed, ValidationMetrics(0.19, 50, 0)) == ""
    assert guards.check_captions(collapsed, ValidationMetrics(0.2, 50, 0)) != ""


def test_captions_that_begin_to_break_off_trip_even_with_a_higher_score():
    guards = Guards(bad_endings_rise=0.25)
    best = ValidationMetrics(1.0, 9, 0.25)
    assert guards.check_captions(ValidationMetrics(2.0, 9, 0.5), best) == ""
    assert guards.check_captions(ValidationMetrics(2.0, 9, 0.625), best) == (
        "validation captions that break off, as in “… with a”, rose from 25% to 62%"
    )
