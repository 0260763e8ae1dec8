import json

import numpy as np
import pytest

from keras_models.evaluation.evaluate import (
    BEST_CONSTANT,
    HUMAN,
    SHUFFLED_FEATURES,
    best_constant,
    derangements,
    evaluate,
    leave_one_out,
)
from keras_models.metrics import METRICS, scorer
from keras_models.metrics.vocabulary_cider import VocabularyCiderD

COLOURS = ("red", "green", "blue", "white", "black")
REFERENCES = {
    f"clip{index}": (
        f"a {colour} ball rolls to the left",
        f"the {colour} ball is rolling left",
        f"there is a {colour} ball that rolls" + " slowly" * (index % 2),
    )
    for index, colour in enumerate(COLOURS * 2)
}


def random_references(seed: int) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    words = np.array(list("abcdefgh"))
    return {
        f"clip{clip}": tuple(
            " ".join(rng.choice(words, rng.integers(3, 7)))
            for _ in range(rng.integers(1, 5))
        )
        for clip in range(12)
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_best_constant_is_the_best_of_all_captions(seed):
    references = random_references(seed)
    cider_d = VocabularyCiderD(references)

    def mean(caption: str) -> float:
        return np.mean(list(cider_d.score(dict.fromkeys(references, caption)).values()))

    best = max(
        mean(caption) for captions in references.values() for caption in captions
    )
    assert mean(best_constant(references)) == pytest.approx(best)


def test_typicality_is_the_mean_cosine_of_tf_idf_vectors():
    references = random_references(0)
    clips = [[caption.split() for caption in texts] for texts in references.values()]

    def grams(words: list[str], order: int) -> list[tuple[str, ...]]:
        return [tuple(words[i : i + order]) for i in range(len(words) - order + 1)]

    expected = np.zeros(sum(map(len, clips)))
    for order in range(1, 5):
        having = [{g for words in clip for g in grams(words, order)} for clip in clips]
        every = sorted(set().union(*having))
        idf = {g: np.log(len(clips) / sum(g in clip for clip in having)) for g in every}
        vectors = []
        for clip in clips:
            rows = np.array(
                [
                    [grams(words, order).count(g) * idf[g] for g in every]
                    for words in clip
                ]
            )
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            vectors.append(np.divide(rows, norms, out=0 * rows, where=norms > 0))
        mean = np.mean([rows.mean(axis=0) for rows in vectors], axis=0)
        expected += np.concatenate(vectors) @ mean
    np.testing.assert_allclose(VocabularyCiderD(references).typicality(), expected)


def test_words_outside_the_references_count_as_words_of_their_own():
    cider_d = VocabularyCiderD(REFERENCES)
    exact = cider_d.score({"clip0": "a red ball rolls to the left"})["clip0"]
    other = cider_d.score({"clip0": "a red zzz rolls to the left"})["clip0"]
    assert exact > other > 0
    assert cider_d.score({"clip0": ""}) == {"clip0": 0.0}


def test_in_a_derangement_nobody_keeps_his_own():
    captions = {f"clip{index}": str(index) for index in range(7)}
    for shuffled in derangements(captions, 20, seed=3):
        assert sorted(shuffled) == sorted(captions)
        assert sorted(shuffled.values()) == sorted(captions.values())
        assert all(shuffled[clip] != captions[clip] for clip in captions)
    assert derangements(captions, 3, seed=3) == derangements(captions, 3, seed=3)
    assert derangements(captions, 1, seed=3) != derangements(captions, 1, seed=4)


def test_a_person_is_scored_against_the_other_people():
    found = leave_one_out(REFERENCES)
    turns = []
    for turn in range(3):
        said = {clip: texts[turn] for clip, texts in REFERENCES.items()}
        others = {
            clip: [text for other, text in enumerate(texts) if other != turn]
            for clip, texts in REFERENCES.items()
        }
        turns.append(scorer.score(said, others, ["CIDEr-D"])["CIDEr-D"])
    assert found["CIDEr-D"] == pytest.approx(np.mean(turns))
    assert leave_one_out({"clip": ["alone"]}) == {}


def test_a_model_that_sees_beats_its_controls():
    captions = {clip: texts[0] for clip, texts in REFERENCES.items()}
    found = evaluate(captions, REFERENCES, REFERENCES)
    for control in (BEST_CONSTANT, SHUFFLED_FEATURES):
        assert found.scores["CIDEr-D"].value > found.baselines[control]["CIDEr-D"]
    assert set(found.baselines[HUMAN]) == set(METRICS) == set(found.scores)
    assert found.scores["BLEU-4"].value == pytest.approx(1)
    exact = scorer.score(captions, REFERENCES)
    for name, interval in found.scores.items():
        assert interval.value == pytest.approx(exact[name])
        assert interval.low <= interval.value <= interval.high
    assert [clip.score for clip in found.clips] == sorted(
        (clip.score for clip in found.clips), reverse=True
    )
    data = json.loads(found.to_json())
    assert data["model"]["CIDEr-D"] == found.scores["CIDEr-D"].value
    assert len(data["clips"]) == len(REFERENCES)


def test_a_blind_model_does_not_beat_its_controls():
    captions = dict.fromkeys(REFERENCES, best_constant(REFERENCES))
    found = evaluate(captions, REFERENCES, REFERENCES)
    value = found.scores["CIDEr-D"].value
    assert found.baselines[BEST_CONSTANT]["CIDEr-D"] == pytest.approx(value)
    assert found.baselines[SHUFFLED_FEATURES]["CIDEr-D"] == pytest.approx(value)
