import numpy as np
import pytest

from keras_models.metrics import bootstrap, scorer

CHEAP = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D")
WORDS = "a man woman dog plays rides runs the guitar horse park".split()


def sentence(random):
    return " ".join(random.choice(WORDS, random.integers(3, 9)))


@pytest.fixture(scope="module")
def corpus():
    random = np.random.default_rng(0)
    references = {
        f"clip{number:02}": [sentence(random) for _ in range(3)] for number in range(30)
    }
    good = {clip: texts[0] for clip, texts in references.items()}
    bad = {clip: sentence(random) for clip in references}
    measure = scorer.Scorer(references).collect
    return references, measure(good, CHEAP), measure(bad, CHEAP)


def test_resampled_corpus_is_the_corpus_of_the_drawn_clips(corpus):
    references, _, bad = corpus
    drawn = np.random.default_rng(1).integers(30, size=30)
    weights = np.bincount(drawn, minlength=30)
    found = bad.bootstrap(weights)
    each = bad.per_clip()
    for name in ("ROUGE-L", "CIDEr-D"):
        mean = np.mean([each[bad.ids[clip]][name] for clip in drawn])
        assert found[name] == pytest.approx(mean)
    captions = dict(zip(bad.ids, _captions(references), strict=True))
    copies = {f"{n:02}": bad.ids[clip] for n, clip in enumerate(drawn)}
    again = scorer.score(
        {copy: captions[clip] for copy, clip in copies.items()},
        {copy: references[clip] for copy, clip in copies.items()},
        ("BLEU-4",),
    )
    assert found["BLEU-4"] == pytest.approx(again["BLEU-4"])


def _captions(references):
    random = np.random.default_rng(0)
    for _ in references:
        for _ in range(3):
            sentence(random)
    return [sentence(random) for _ in references]


def test_intervals_hold_the_value_and_repeat_with_the_seed(corpus):
    _, _, bad = corpus
    found = bootstrap.intervals(bad, samples=500, seed=3)
    for name, (value, low, high) in found.items():
        assert low < value < high
        assert value == bad.corpus()[name]
    assert bootstrap.intervals(bad, samples=500, seed=3) == found
    narrow = bootstrap.intervals(bad, samples=500, confidence=0.5, seed=3)
    assert narrow["CIDEr-D"].low > found["CIDEr-D"].low


def test_interval_of_a_mean_is_as_wide_as_its_standard_error(corpus):
    _, _, bad = corpus
    values = np.array([row["CIDEr-D"] for row in bad.per_clip().values()])
    expected = 2 * 1.96 * values.std() / np.sqrt(len(values))
    found = bootstrap.intervals(bad, samples=4000)["CIDEr-D"]
    assert found.high - found.low == pytest.approx(expected, rel=0.1)


def test_blocks_of_resamples_have_the_same_law(corpus, monkeypatch):
    _, good, bad = corpus
    monkeypatch.setattr(bootstrap, "_BLOCK", 100)
    found = bootstrap.differences(good, bad, samples=50)
    assert found["CIDEr-D"].better == 1.0
    assert found["CIDEr-D"].low > 0


def test_a_model_does_not_differ_from_itself(corpus):
    _, good, _ = corpus
    for found in bootstrap.differences(good, good).values():
        assert found == (0.0, 0.0, 0.0, 0.0, 0.0, 1000)
        assert found.p_fall == 1.0


def test_other_clips_are_not_compared(corpus):
    _, good, bad = corpus
    with pytest.raises(ValueError, match="received 30 and 29 clips"):
        bootstrap.differences(good, bad._replace(ids=bad.ids[:-1]))


def test_what_is_kept_of_a_drawing_is_what_would_be_drawn_again(corpus, monkeypatch):
    _, good, bad = corpus
    kept = bootstrap.differences(bad, good, samples=70)
    monkeypatch.setattr(bootstrap, "_KEPT", 0)
    assert bootstrap.differences(bad, good, samples=70) == kept
    assert kept["CIDEr-D"].p_fall == pytest.approx(1 / 71)


def test_statistics_of_some_clips_are_theirs_alone(corpus):
    _, good, _ = corpus
    some = good.take(["clip03", "clip01", "absent"])
    assert some.ids == ("clip01", "clip03")
    each = good.per_clip()
    mean = (each["clip01"]["CIDEr-D"] + each["clip03"]["CIDEr-D"]) / 2
    assert some.corpus()["CIDEr-D"] == pytest.approx(mean)


def test_holm_holds_the_smallest_against_the_strictest_level():
    # Worked by hand: .001 ≤ .05/3, .02 ≤ .05/2, .03 ≤ .05/1.
    assert bootstrap.holm([0.03, 0.001, 0.02], 0.05) == [True, True, True]
    # .02 > .05/3: nothing falls, though each is below .05.
    assert bootstrap.holm([0.03, 0.02, 0.04], 0.05) == [False, False, False]
    assert bootstrap.holm([], 0.05) == []
