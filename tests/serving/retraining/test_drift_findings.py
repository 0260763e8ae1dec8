import numpy as np
import pytest

from serving.retraining.drift_config import DriftConfig
from serving.retraining.drift_findings import compare
from transform.records import sample_distances
from transform.records.clip_table import CATEGORIES, ClipTable
from transform.records.vocabulary import Vocabulary

RULES = DriftConfig()
WORDS = Vocabulary(("a", "ball", "rolls"))


def table(clips, seed, first=0, seconds=10.0, category="ball", caption="a ball rolls"):
    """Clips of about so many seconds; half of them of one category."""
    rng = np.random.default_rng(seed)
    captions = np.empty(clips, object)
    captions[:] = [(caption,)] * clips
    strings = {name: np.array(["same"] * clips, object) for name in CATEGORIES}
    strings["category"] = np.array(["box", category] * clips, object)[:clips]
    return ClipTable(
        {
            "key": np.array([f"{n:05}" for n in range(first, first + clips)], object),
            "split": np.array(["train"] * clips, object),
            **strings,
            "clip_seconds": rng.normal(seconds, 1.0, clips),
            "clip_fps": np.full(clips, 25.0),
        },
        captions,
    )


def joined(one, other):
    columns = {
        n: np.concatenate([one.columns[n], other.columns[n]]) for n in one.columns
    }
    return ClipTable(columns, np.concatenate([one.captions, other.captions]))


def found(new, rules=RULES, then=None):
    then = then or table(400, seed=1)
    return compare(then, joined(then, new), "7", WORDS, rules)


def names(findings):
    return {column.name for column in findings.columns if column.drifted}


def test_clips_of_the_same_source_have_not_drifted():
    like = found(table(60, seed=2, first=1000))
    assert not like.drifted
    assert like.sentence.startswith("No drift: the 60 clips that are new since version")


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"seconds": 14.0}, "clip_seconds"),
        ({"category": "square"}, "category"),
        ({"caption": "a cat sleeps"}, "unknown_words"),
    ],
)
def test_each_kind_of_drift_is_found_and_named_with_its_figure(changes, column):
    far = found(table(60, seed=2, first=1000, **changes))
    assert names(far) == {column}
    [drifted] = [c for c in far.columns if c.name == column]
    assert f"{column} {drifted.distance:.2f} (" in far.sentence
    assert far.to_dict()["drifted"]


def test_what_few_clips_seem_to_show_by_chance_is_no_drift():
    few = DriftConfig(min_clips=2, numbers=0, categories=0)
    wrong = sum(
        found(table(4, seed, first=1000), few).drifted for seed in range(10, 60)
    )
    assert wrong <= 2


def test_old_clips_do_not_dilute_what_is_new():
    then = table(2000, seed=1)
    assert found(table(30, seed=2, first=5000, seconds=20.0), then=then).drifted


def test_too_few_new_clips_are_not_measured():
    little = found(table(19, seed=2, first=1000, seconds=90.0))
    assert not little.columns
    assert "19 of 419 clips are new since version 7, fewer than" in little.sentence


def test_divergence_is_that_of_the_formula():
    then, now = np.array([1, 3]), np.array([4, 4])
    p, q, m = (0.25, 0.75), (0.5, 0.5), (0.375, 0.625)

    def entropy(shares):
        return sum(s * np.log2(s / t) for s, t in zip(shares, m, strict=True))

    expected = (entropy(p) + entropy(q)) / 2
    assert sample_distances.jensen_shannon(then, now) == pytest.approx(expected)
    assert sample_distances.jensen_shannon(np.array([1, 0]), np.array([0, 5])) == 1
    assert sample_distances.largest_difference(then, now) == pytest.approx(0.25)


def test_a_number_that_clips_lack_is_left_out():
    numbers = np.array([1.0, np.nan, 2.0])
    assert sample_distances.of_numbers(numbers, np.array([np.nan]), 1) is None
    assert sample_distances.of_numbers(numbers, np.array([1.0, 2.0]), 1).distance == 0
