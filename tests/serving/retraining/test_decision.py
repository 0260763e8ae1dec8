import pytest

from serving.pushing.origin import Origin
from serving.retraining.decision import Served, decide
from serving.retraining.retrain_config import RetrainConfig

DAY = 86400.0
SETTINGS = {"training": {"variant": "mgsa", "epochs": 9}}


def clips(train=20, val=2, test=4, **changes):
    made = {
        f"{split}{index}": (split, f"{split}-file{index}", "captions")
        for split, count in (("train", train), ("val", val), ("test", test))
        for index in range(count)
    }
    return {**made, **changes}


def served(then=None, version="700", pushed=0.0, generation=0, settings=SETTINGS):
    origin = Origin(
        clips=clips() if then is None else then,
        settings=settings,
        generation=generation,
    )
    return Served(version, pushed, origin)


def decided(now, before, settings=SETTINGS, day=1.0, rules=None, **arguments):
    return decide(
        now,
        settings,
        before,
        RetrainConfig.from_dict(rules or {}),
        now=day * DAY,
        **arguments,
    )


def test_first_model_is_trained_from_fresh_weights():
    found = decided(clips(), None)
    assert found.decision == "retrain"
    assert found.reason == (
        "Retraining from fresh weights: nothing has been pushed yet."
    )
    assert (found.origin.parent, found.origin.generation) == ("", 0)


def test_same_clips_and_settings_are_nothing_new():
    found = decided(clips(), served())
    assert found.decision == "nothing-new"
    assert found.reason == "Nothing is new since version 700: the same 26 clips."


def test_new_clips_start_from_the_served_weights():
    found = decided(clips(train=30), served())
    assert found.decision == "retrain"
    assert found.reason == ("Retraining from version 700's weights: 10 clips added.")
    assert (found.origin.parent, found.origin.generation) == ("700", 1)
    assert found.counts["added"] == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train0": ("train", "other", "captions")}, "1 clips with another file"),
        ({"train0": ("train", "train-file0", "x")}, "1 clips with other captions"),
        (
            {"train0": ("val", "train-file0", "captions")},
            "1 clips moved to another split",
        ),
    ],
)
def test_every_change_of_a_clip_counts(change, words):
    found = decided(clips(**change), served())
    assert (found.decision, words in found.reason) == ("retrain", True)


@pytest.mark.parametrize(
    ("rules", "decision"),
    [
        ({"min_new_clips": 2}, "nothing-new"),
        ({"min_new_share": 0.1}, "nothing-new"),
        ({"min_new_clips": 2, "max_age": "0d"}, "retrain"),
        ({}, "retrain"),
    ],
)
def test_too_few_new_clips_wait_for_more_or_for_age(rules, decision):
    found = decided(clips(train=21), served(), rules=rules)
    assert found.decision == decision


def test_an_old_model_has_a_successor_in_any_case():
    assert decided(clips(), served(), day=29).decision == "nothing-new"
    found = decided(clips(), served(), day=31)
    assert found.reason.endswith("version 700 is 31 days old.")


def test_changed_settings_are_named_and_start_anew():
    other = {"training": {"variant": "mgsa", "epochs": 12}}
    found = decided(clips(), served(), settings=other)
    assert found.reason == (
        "Retraining from fresh weights: the settings changed in training.epochs "
        "(9 against 12)."
    )


def test_chain_of_warm_starts_is_broken_in_time():
    grown = clips(train=21)
    rules = {"fresh_every": 3}
    assert decided(grown, served(generation=1), rules=rules).origin.generation == 2
    assert decided(grown, served(generation=2), rules=rules).origin.generation == 0


@pytest.mark.parametrize(
    ("rule", "parent"), [("never", ""), ("auto", "700"), ("always", "700")]
)
def test_warm_start_can_be_asked_for_or_forbidden(rule, parent):
    found = decided(clips(train=21), served(), rules={"warm_start": rule})
    assert found.origin.parent == parent


def test_clip_of_two_splits_stops_the_run_with_its_id():
    leaking = clips(copy=("test", "train-file3", "captions"))
    found = decided(leaking, None)
    assert found.decision == "stop"
    assert found.reason == (
        "Stopped: 1 clip (copy) of the test split have a file that is in another "
        "split, too: leave one of them out."
    )
    told = decided(leaking, None, rules={"on_leak": "tell"})
    assert told.decision == "retrain"
    assert "1 clip (copy)" in told.warnings[0]


def test_test_clips_that_the_served_model_was_trained_on_are_told():
    then = clips(secret=("train", "file", "captions"))
    now = clips(shown=("test", "file", "captions"))
    found = decided(now, served(then))
    assert found.decision == "retrain"
    assert (
        "1 clip (shown) of the test split were in the training of version 700"
        in (found.warnings[0])
    )


@pytest.mark.parametrize(
    "now",
    [
        clips(test=3),
        clips(test0=("test", "other", "captions")),
        clips(test0=("test", "test-file0", "x")),
        clips(test0=("train", "test-file0", "captions")),
    ],
)
def test_changed_yardstick_stops_unless_it_is_meant(now):
    found = decided(now, served())
    assert found.decision == "stop"
    assert "of the test split changed, were moved or are gone" in found.reason
    assert decided(now, served(), rules={"frozen_test": False}).decision != "stop"
    forced = decided(now, served(), force=True)
    assert forced.decision == "retrain"
    assert forced.warnings


def test_new_test_clips_are_no_change_of_the_old_ones():
    assert decided(clips(test=5), served()).decision == "retrain"


def test_many_removed_clips_stop_with_five_of_their_ids():
    found = decided(clips(train=10), served())
    assert found.decision == "stop"
    assert found.reason.startswith(
        "Stopped: 10 clips (train10, train11, train12, train13, train14, …) of 26 "
    )


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_missing_split_stops_before_anything_is_extracted(split):
    found = decided(clips(**{"train": 3, split: 0}), None)
    assert found.reason == f"Stopped: no clip is in the split {split}."


def test_what_was_refused_is_not_made_again_unless_asked_for():
    grown = clips(train=21)
    digest = decided(grown, served()).origin.fingerprint
    attempts = {digest: "refused: CIDEr fell"}
    found = decided(grown, served(), attempts=attempts)
    assert found.decision == "nothing-new"
    assert found.reason == (
        "Nothing is new since a model of these clips and settings was refused: "
        "CIDEr fell."
    )
    assert decided(grown, served(), attempts=attempts, force=True).decision == "retrain"
    more = clips(train=22)
    assert decided(more, served(), attempts=attempts).decision == "retrain"


def test_model_of_unknown_origin_is_followed_by_a_fresh_one():
    found = decided(clips(), Served("700", 0.0, None))
    assert found.reason.endswith("version 700 does not say what it was made from.")
    assert not found.origin.parent


def test_origin_is_the_same_after_a_file(tmp_path):
    origin = decided(clips(train=21), served(), note="new", run_id="r").origin
    origin.write(str(tmp_path))
    assert Origin.read(str(tmp_path)) == origin
    assert Origin.read(str(tmp_path / "nowhere")) is None


def test_force_and_note_do_not_make_it_another_attempt():
    one = decided(clips(), served(), force=True, note="a", run_id="1").origin
    two = decided(clips(), None).origin
    assert one.fingerprint == two.fingerprint
