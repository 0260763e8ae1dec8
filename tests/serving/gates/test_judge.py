"""The candidates that a gate has to tell apart, and each gate failing alone."""

import json

import numpy as np
import pytest

from serving.gates.config import GateConfig
from serving.gates.evidence import Cost, Served
from serving.gates.judge import judge
from serving.gates.verdict import Verdict
from tests.support.candidates import (
    CATEGORIES,
    CLIPS,
    baseline,
    captioned,
    evidence,
    simulated,
    speaking,
)
from tests.support.paths import ROOT
from transform.common.config import ConfigError

FAST = {"sampling": {"samples": 1000}}
GATES = GateConfig.from_dict(FAST)
BETTER = speaking(0.97, seed=5)
OFF = dict.fromkeys(
    (
        "sanity",
        "controls",
        "better",
        "champion",
        "falling_slices",
        "coverage",
        "leak",
        "cost",
        "servable",
    )
)


def alone(**gates):
    """No gate but those given."""
    nothing = {**OFF, "max_regression": {}, **FAST}
    return GateConfig.from_dict({**nothing, **gates})


def refusing(verdict):
    return {finding.gate for finding in verdict.findings if finding.refuses}


# ------------------------------------------------------------------- candidates


def test_a_better_model_is_blessed_by_its_difference():
    verdict = judge(GATES, evidence(BETTER))
    assert verdict.outcome == "blessed" and verdict.pushes
    assert "above version 7's" in verdict.sentence
    assert "72 of 72 test clips" in verdict.sentence


def test_a_model_of_equal_captions_or_by_noise_alone_leaves_the_baseline():
    same = judge(GATES, evidence(baseline().captions))
    assert same.outcome == "equal" and not same.pushes and not same.refuses
    assert "equal to version 7's" in same.sentence
    assert "version 7 stays" in same.sentence
    noise = judge(GATES, evidence(speaking(0.7, seed=3)))
    assert noise.outcome == "equal"


def test_equal_weights_are_equal_whatever_else_is_asked_for():
    pushing = GATES.override({"better": {"push_equal": True}})
    verdict = judge(pushing, evidence(baseline().captions, same_weights=True))
    assert verdict.outcome == "equal"
    assert "the weights are those of version 7" in verdict.sentence
    other = judge(pushing, evidence(baseline().captions))
    assert other.outcome == "blessed"


def test_a_worse_model_is_refused_with_figure_bound_interval_and_version():
    verdict = judge(GATES, evidence(speaking(0.3, seed=2)))
    assert verdict.outcome == "refused" and verdict.refuses
    assert refusing(verdict) >= {"max_regression"}
    (found,) = (f for f in verdict.findings if f.gate == "max_regression")
    assert found.reference == pytest.approx(baseline().value("CIDEr-D"))
    assert found.low < found.high < 0
    assert "below version 7's" in verdict.sentence
    assert "(95 %: −" in verdict.sentence and "at most 0.02 is" in verdict.sentence


def dead_slice(place="category=food"):
    """Right everywhere but in one category, where there is not a right word."""
    return BETTER | dict.fromkeys(CATEGORIES[place], "unclear shapes move about")


def test_a_dead_slice_is_refused_though_the_whole_is_no_worse():
    dead = {
        clip: (
            "unclear shapes move about slowly"
            if clip in CATEGORIES["category=food"][:20]
            else caption
        )
        for clip, caption in BETTER.items()
    }
    some = {"category=food": CATEGORIES["category=food"][:20]}
    gates = alone(falling_slices={}, max_regression={"CIDEr-D": 9})
    verdict = judge(gates, evidence(dead, slices=some))
    assert refusing(verdict) == {"falling_slices"}
    assert "Slice category=food (20 clips): CIDEr-D" in verdict.sentence
    assert "→ 0.00." in verdict.sentence
    # Without a baseline, and however many clips: dead is dead.
    first = judge(gates, evidence(dead, slices=some, baseline=None))
    assert first.outcome == "refused"
    # Too small a slice says nothing.
    small = {"category=food": CATEGORIES["category=food"][:19]}
    assert refusing(judge(gates, evidence(dead, slices=small))) == set()


@pytest.mark.parametrize(
    ("captions", "gate", "said"),
    [
        (dict.fromkeys(CLIPS, ""), "sanity", "empty captions is 1.00"),
        (dict.fromkeys(CLIPS, "a man plays a guitar"), "sanity", "different captions"),
        (
            {clip: f"{text} {text}" for clip, text in BETTER.items()},
            "sanity",
            "repeated word pairs",
        ),
        (
            {clip: f"{text} <unk>" for clip, text in BETTER.items()},
            "sanity",
            "unknown words",
        ),
        (
            {clip: f"{text} with a" for clip, text in BETTER.items()},
            "sanity",
            "break off",
        ),
    ],
    ids=["empty", "constant", "doubled", "unknown", "broken off"],
)
def test_captions_that_are_no_captions_are_refused_even_of_a_first_model(
    captions, gate, said
):
    first = judge(GATES, evidence(captions, baseline=None))
    assert first.outcome == "refused" and gate in refusing(first)
    assert said in first.sentence
    by_itself = judge(alone(sanity={}), evidence(captions))
    assert refusing(by_itself) == {gate}


def test_probabilities_and_scores_that_are_no_numbers_are_refused():
    broken = evidence(BETTER, log_probs={CLIPS[3]: float("nan"), CLIPS[4]: -1.0})
    verdict = judge(alone(sanity={}), broken)
    assert refusing(verdict) == {"sanity"} and CLIPS[3] in verdict.sentence
    model = captioned(BETTER)
    rows = model.statistics.statistics
    bad = rows | {"CIDEr-D": np.full_like(rows["CIDEr-D"], np.nan)}
    model = model._replace(statistics=model.statistics._replace(statistics=bad))
    verdict = judge(alone(sanity={}), evidence(BETTER, model=model, baseline=None))
    assert "CIDEr-D of its captions is not a number" in verdict.sentence
    Verdict.from_json(verdict.to_json())  # NaN is no obstacle to keeping it


def test_a_first_model_is_said_to_be_first_and_held_against_controls():
    verdict = judge(GATES, evidence(BETTER, baseline=None, baseline_clips=0))
    assert verdict.outcome == "blessed" and verdict.first
    assert (
        "compared with no other model, as nothing has been pushed" in verdict.sentence
    )
    assert "of the best constant caption" in verdict.sentence


def test_a_model_no_better_than_its_controls_is_refused():
    shuffled = speaking(0.0, seed=4)
    verdict = judge(alone(controls={}), evidence(shuffled, baseline=None))
    assert refusing(verdict) == {"controls"}
    assert "not surely above" in verdict.sentence


# ------------------------------------------------------------- each gate alone


def test_bounds_hold_on_everything_on_a_slice_and_on_a_features_worst_slice():
    captions = dead_slice()
    for gates, said in (
        ({"minimum": {"CIDEr": 9}}, "below the 9.00 that is asked for at least"),
        ({"maximum": {"caption_length": 3}}, "caption_length"),
        ({"on_slices": {"category=food": {"minimum": {"CIDEr-D": 0.5}}}}, "food"),
        ({"on_slices": {"category": {"minimum": {"CIDEr-D": 0.5}}}}, "category=food"),
        ({"on_slices": {"category": {"max_regression": {"CIDEr-D": 0.5}}}}, "=food"),
    ):
        verdict = judge(alone(**gates), evidence(captions))
        assert verdict.outcome == "refused", gates
        assert said in verdict.sentence
        assert len([f for f in verdict.findings if f.refuses]) == 1
    other = {"category=sport": {"minimum": {"CIDEr-D": 0.5}}}
    assert not judge(alone(on_slices=other), evidence(captions)).refuses
    absent = judge(
        alone(on_slices={"source": {"minimum": {"CIDEr-D": 1}}}), evidence(captions)
    )
    assert "No slice source has 20 clips" in absent.findings[-1].sentence


def test_slices_are_tested_together_so_that_chance_takes_none():
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(20):
        found = simulated(random, clips=800, fall=0.0)
        many = {f"part={n}": found.model.statistics.ids[n::20] for n in range(20)}
        verdict = judge(alone(falling_slices={}), found._replace(slices=many))
        refused += verdict.refuses
    assert refused <= 2


def test_the_champion_is_not_forgotten():
    champion = captioned(speaking(0.95, seed=9), "version 3")
    drifted = evidence(speaking(0.55, seed=1), champion=champion, baseline=None)
    verdict = judge(alone(champion={}), drifted)
    assert refusing(verdict) == {"champion"} and "version 3's" in verdict.sentence
    kept = judge(alone(champion={"tolerance": 9}), drifted)
    assert not kept.refuses


def test_too_few_scored_clips_are_refused():
    verdict = judge(alone(coverage={}), evidence(BETTER, wanted=100))
    assert refusing(verdict) == {"coverage"}
    assert "72 of 100 test clips are scored; 90% is asked for" in verdict.sentence
    fewer = judge(alone(coverage={}), evidence(BETTER, baseline_clips=73))
    assert "73 were when the baseline was judged" in fewer.sentence


def test_a_leak_is_told_and_refused_only_where_that_is_asked_for():
    leaking = evidence(BETTER, leaks={"the candidate": ("clip7",), "version 7": ()})
    told = judge(alone(leak={}, sanity={}), leaking)
    assert not told.refuses
    assert [f.status for f in told.findings if f.gate == "leak"] == ["told", "passed"]
    refused = judge(alone(leak={"action": "refuse"}), leaking)
    assert refusing(refused) == {"leak"} and "clip7" in refused.sentence


@pytest.mark.parametrize(
    ("gate", "cost", "said"),
    [
        ({}, Cost(0.16, 30, 1), "1.60 × the baseline's 100 ms"),
        ({"max_cpu_seconds": 0.05}, Cost(0.1, 30, 1), "at most 0.05 s"),
        ({"max_size": "1MB"}, Cost(0.1, 30, 3_000_000), "takes 3.0 MB"),
        ({"max_memory": "300MB"}, Cost(0.1, 30, 1), "400.0 MB of memory"),
    ],
)
def test_a_slow_or_large_model_is_refused(gate, cost, said):
    verdict = judge(alone(cost=gate), evidence(BETTER, cost=cost))
    assert refusing(verdict) == {"cost"} and said in verdict.sentence


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (Served("It lacks the signature feature_spec."), "lacks the signature"),
        (Served("It cannot be loaded: no graph."), "cannot be loaded"),
        (Served("", {CLIPS[0]: "a cat"}), "The server's caption of clip000 is “a cat”"),
    ],
    ids=["one signature", "does not load", "other captions"],
)
def test_a_model_that_does_not_serve_what_was_evaluated_is_never_pushed(served, said):
    found = evidence(BETTER, served=served)
    verdict = judge(alone(servable={}), found)
    assert refusing(verdict) == {"servable"} and said in verdict.sentence
    assert not verdict.servable
    assert judge(GATES, found, accept="we know better").outcome == "refused"


def test_a_forbidden_word_is_found_as_a_word_in_any_case():
    captions = BETTER | {CLIPS[9]: "Darn it a dog runs", CLIPS[10]: "a darnel grows"}
    gates = alone(words={"forbidden": ["darn", "old cook on"]})
    verdict = judge(gates, evidence(captions))
    assert refusing(verdict) == {"words"}
    assert (
        f"“darn” of {CLIPS[9]}"
        in judge(alone(words={"forbidden": ["darn"]}), evidence(captions)).sentence
    )
    clean = judge(alone(words={"forbidden": ["dar"]}), evidence(captions))
    assert not clean.refuses


def test_a_difference_that_too_few_clips_blur_is_undecided():
    noise = evidence(speaking(0.7, seed=3))
    gates = alone(max_regression={"CIDEr-D": 0.02}, resolution=0.05)
    verdict = judge(gates, noise)
    assert verdict.outcome == "undecided" and verdict.refuses
    assert "which takes about" in verdict.sentence and "test clips" in verdict.sentence


def test_a_person_may_push_a_refused_model_and_is_on_record():
    verdict = judge(GATES, evidence(speaking(0.3, seed=2)), accept="the old one lies")
    assert verdict.outcome == "accepted" and verdict.pushes
    assert verdict.accepted == "the old one lies"
    assert verdict.sentence.startswith("Accepted: the old one lies. Refused: CIDEr-D")
    better = judge(GATES, evidence(BETTER), accept="not needed")
    assert better.outcome == "blessed" and better.accepted == ""


def test_verdicts_survive_json():
    verdict = judge(GATES, evidence(speaking(0.3, seed=2)))
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_the_schema_in_the_documentation_is_that_of_verdicts():
    written = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())
    assert written == json.loads(Verdict.schema_json())
    verdict = judge(GATES, evidence(speaking(0.3, seed=2)))
    assert (
        set(written["required"]) <= set(verdict.to_dict()) <= set(written["properties"])
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"minimum": {"SPICE": 1}}, "'SPICE' is none of BLEU-1"),
        ({"max_regression": {"repetition": 1}}, "no regression"),
        ({"max_regression": {"CIDEr-D": -1}}, "must not be < 0"),
        ({"minimum": {"CIDEr-D": float("nan")}}, "must be a number"),
        ({"controls": {"metric": "SPICE"}}, "'SPICE' is none of"),
        ({"better": {"metrics": ["empty"]}}, "'empty' is none of"),
        ({"servable": {"infra": {"kind": "tf_serving", "command": ["x"]}}}, "{port}"),
        ({**OFF, "max_regression": {}}, "every gate is off"),
    ],
)
def test_a_wrong_gate_is_one_sentence(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        GateConfig.from_dict(settings)


def test_cider_and_cider_d_are_one_gate_and_the_later_counts():
    gate = GateConfig.from_dict({"minimum": {"CIDEr": 0.5, "bleu_4": 0.1}})
    assert gate.minimum == {"CIDEr-D": 0.5, "BLEU-4": 0.1}
    assert gate.override({"minimum": {"CIDEr": 0.9}}).minimum["CIDEr-D"] == 0.9


# ------------------------------------------------------------------------ power


def refused_of(pairs, fall, samples):
    """How many of simulated pairs of MSR-VTT's size all the gates refuse."""
    gates = GateConfig(
        sampling={"samples": samples}, sanity=None, max_regression={"CIDEr-D": 0.02}
    )
    random = np.random.default_rng(7)
    return sum(
        judge(gates, simulated(random, clips=2990, fall=fall)).refuses
        for _ in range(pairs)
    )


def test_equal_models_are_hardly_refused_and_worse_ones_mostly():
    assert refused_of(30, 0.0, samples=200) <= 2
    assert refused_of(30, 0.04, samples=200) >= 24


@pytest.mark.slow
def test_power_of_the_gates_on_200_pairs():
    assert refused_of(200, 0.0, samples=2000) <= 10
    assert refused_of(200, 0.04, samples=2000) >= 160
