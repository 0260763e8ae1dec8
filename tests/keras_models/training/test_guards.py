import pytest

from keras_models.training.guards import CaptionGuards, Guards
from keras_models.training.monitor import Monitor
from keras_models.training.validation_result import (
    CaptionSample,
    ValidationMetrics,
    ValidationResult,
)


def captions(score: float, distinct: int, bad_endings: float) -> ValidationMetrics:
    return ValidationMetrics(
        Monitor({"CIDEr-D": 1.0}),
        {
            "CIDEr-D": score,
            "distinct_captions": distinct,
            "bad_endings": bad_endings,
        },
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_named(value):
    problem = Guards().check_finite({"reward": 1.0, "loss": value})
    assert problem == f"loss is {value}"


def test_finite_values_are_fine():
    assert Guards().check_finite({"loss": 1e30, "gradient_norm": 0.0}) == ""


def test_a_score_that_falls_below_its_share_of_the_best_triggers():
    guards = CaptionGuards(score_ratio=0.5, distinct_ratio=0.0)
    best = captions(1.0, 9, 0.0)
    assert guards.check_validation(captions(0.51, 9, 0), best) == ""
    problem = guards.check_validation(captions(0.49, 9, 0), best)
    assert "fell from 1.000 to 0.490" in problem


def test_captions_that_collapse_trigger():
    guards = CaptionGuards(distinct_ratio=0.2)
    best = captions(1.0, 50, 0.0)
    assert guards.check_validation(captions(1.0, 10, 0), best) == ""
    problem = guards.check_validation(captions(1.0, 9, 0), best)
    assert problem == "the validation captions collapsed from 50 different ones to 9"


def test_scores_below_the_floor_do_not_trigger():
    guards, collapsed = CaptionGuards(floor=0.2), captions(0.0, 1, 1.0)
    assert guards.check_validation(collapsed, captions(0.19, 50, 0)) == ""
    assert guards.check_validation(collapsed, captions(0.2, 50, 0)) != ""


def test_captions_that_begin_to_break_off_trigger_even_with_a_higher_score():
    guards = CaptionGuards(bad_endings_rise=0.25)
    best = captions(1.0, 9, 0.25)
    assert guards.check_validation(captions(2.0, 9, 0.5), best) == ""
    assert guards.check_validation(captions(2.0, 9, 0.625), best) == (
        "validation captions that break off, as in “… with a”, rose from 25% to 62%"
    )


def test_the_guards_of_another_model_compare_its_own_metric():
    monitor = Monitor({"mean_reciprocal_rank": 1.0})
    best, worse = (
        ValidationMetrics(monitor, {"mean_reciprocal_rank": value})
        for value in (0.8, 0.3)
    )
    assert Guards().check_validation(best, worse) == ""
    problem = Guards().check_validation(worse, best)
    assert "mean_reciprocal_rank fell from 0.800 to 0.300" in problem
    nothing = ValidationMetrics(monitor, {})
    assert Guards().check_validation(worse, nothing) == ""


def test_captions_are_judged_by_cider_d_whatever_is_monitored():
    best, worse = (
        ValidationMetrics(
            Monitor({"validation_loss": 1.0}, higher_is_better=False),
            {**captions(score, 9, 0.0).values, "validation_loss": loss},
        )
        for score, loss in ((1.0, 2.0), (0.3, 1.0))
    )
    assert worse.score > best.score
    problem = CaptionGuards().check_validation(worse, best)
    assert problem == "validation CIDEr-D fell from 1.000 to 0.300"


def test_one_caption_for_all_clips_is_warned_of():
    def validation(distinct: int, clips: int) -> ValidationResult:
        samples = (CaptionSample("clip", "a man", ("a dog",)),) * clips
        return ValidationResult(captions(0.1, distinct, 0.0).values, samples)

    warning = CaptionGuards().warning(validation(1, 2))
    assert warning.startswith("all validation clips have the caption “a man”")
    assert CaptionGuards().warning(validation(2, 2)) == ""
    assert CaptionGuards().warning(validation(1, 1)) == ""
