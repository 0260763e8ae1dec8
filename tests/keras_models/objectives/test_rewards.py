import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.cider.cider_scorer import CiderScorer
from pycocoevalcap.rouge.rouge import Rouge

from keras_models.metrics import diversity, meteor
from keras_models.objectives.rewards import EOS, PAD, RewardConfig, RewardEngine
from transform.common.config import ConfigError

WORDS = (
    "<pad>",
    "<bos>",
    "<eos>",
    "<unk>",
    "a",
    "man",
    "dog",
    "runs",
    "plays",
    "guitar",
)
REFERENCES = {
    "one": [[4, 5, 8, 4, 9], [4, 5, 8]],
    "two": [[4, 6, 7, EOS], [4, 6, 7, EOS, PAD, PAD]],
    "three": [[4, 9]],
}
ONLY = {name: 0.0 for name in RewardConfig.__fields__}


def reward(weights, ids, rows, references=REFERENCES, words=()):
    tokens = np.zeros((len(rows), max(map(len, rows)) + 1), np.int32)
    for at, row in enumerate(rows):
        tokens[at, : len(row)] = row
    engine = RewardEngine(references, RewardConfig(**{**ONLY, **weights}), words)
    return engine.score(ids, tokens)


CAPTIONS = st.lists(st.integers(4, 8), max_size=8)
CLIPS = st.tuples(CAPTIONS, st.lists(CAPTIONS, min_size=1, max_size=4))


@settings(max_examples=100, deadline=None)
@given(st.lists(CLIPS, min_size=1, max_size=5))
def test_cider_d_and_rouge_l_are_the_stock_scorers_with_eos_as_a_word(clips):
    stock, rouge = CiderScorer(), Rouge()
    expected_rouge = []
    for caption, references in clips:
        texts = [" ".join(map(str, [*ids, EOS])) for ids in [caption, *references]]
        stock += (texts[0], texts[1:])
        expected_rouge.append(rouge.calc_score([texts[0]], texts[1:]))
    _, expected = stock.compute_score()
    references = {str(at): references for at, (_, references) in enumerate(clips)}
    rows = [[*caption, EOS] for caption, _ in clips]
    found = reward({"cider_d": 1.0}, list(references), rows, references)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert found.dtype == np.float32
    found = reward({"rouge_l": 1.0}, list(references), rows, references)
    np.testing.assert_allclose(found, expected_rouge, rtol=1e-6)


def test_an_unfinished_caption_is_worth_less():
    for metric in ("cider_d", "bleu_4", "rouge_l"):
        rows = [[4, 6, 7, EOS], [4, 6, 7], [4, 6, 7, 7]]
        whole, *others = reward({metric: 1.0}, ["two"] * 3, rows)
        assert max(others) < whole


def test_what_follows_the_end_is_not_read():
    rows = [[4, 6, 7, EOS], [4, 6, 7, EOS, 9, 9, EOS], [4, 6, 7, PAD, EOS], [4, 6, 7]]
    weights = {"cider_d": 1.0, "bleu_4": 1.0, "rouge_l": 1.0}
    found = reward(weights, ["two"] * 4, rows)
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_a_caption_that_fills_its_row_is_read_to_the_end():
    engine = RewardEngine(REFERENCES, RewardConfig())
    full = engine.score(["two"], np.array([[4, 6, 7, EOS]], np.int32))
    longer = engine.score(["two"], np.array([[4, 6, 7, EOS, PAD]], np.int32))
    assert full == longer


def test_references_are_the_same_with_and_without_their_end():
    bare = {
        clip: [[t for t in ids if t > 3] for ids in rows]
        for clip, rows in REFERENCES.items()
    }
    rows = [[4, 6, 7, EOS], [4, 9, EOS]]
    same = [
        reward({"cider_d": 1.0}, ["two", "three"], rows, references)
        for references in (bare, REFERENCES)
    ]
    np.testing.assert_array_equal(*same)


def test_a_clip_has_as_many_captions_as_wanted_and_ids_may_be_bytes():
    rows = [[4, 6, 7, EOS], [4, 5, EOS], [4, 9, EOS], []]
    ids = ["two", "one", "two", "three"]
    weights = {"cider_d": 1.0, "bleu_4": 1.0, "rouge_l": 1.0}
    together = reward(weights, ids, rows)
    alone = [
        reward(weights, [clip], [row])[0] for clip, row in zip(ids, rows, strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    encoded = np.array([clip.encode() for clip in ids], object)
    np.testing.assert_array_equal(reward(weights, encoded, rows), together)
    assert together[3] == 0.0


def test_rewards_are_the_weighted_sum_of_their_parts():
    rows, ids = [[4, 6, 7, EOS], [4, 5, 8, EOS]], ["two", "one"]
    weights = {"cider_d": 0.5, "bleu_4": 2.0, "rouge_l": 3.0}
    parts = [
        weight * reward({name: 1.0}, ids, rows) for name, weight in weights.items()
    ]
    np.testing.assert_allclose(reward(weights, ids, rows), sum(parts), rtol=1e-6)


def test_meteor_reads_the_words_before_the_end():
    rows = [[4, 5, 8, 4, 9, EOS], [4, 6, EOS]]
    found = reward({"meteor": 1.0}, ["one", "two"], rows, words=WORDS)
    expected = meteor.shared().score(
        ["a man plays a guitar", "a dog"],
        [["a man plays a guitar", "a man plays"], ["a dog runs", "a dog runs"]],
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[0] == 1.0


def test_metrics_may_be_named_as_papers_name_them():
    config = RewardConfig.from_dict({"CIDEr": 0.5, "BLEU-4": 2.0})
    assert config == RewardConfig(cider_d=0.5, bleu_4=2.0)
    assert config.weights() == {"BLEU-4": 2.0, "CIDEr-D": 0.5}
    assert RewardConfig() == RewardConfig(cider_d=1.0)
    metrics = {"cider_d", "bleu_4", "meteor", "rouge_l"}
    assert set(config.to_dict()) == {*metrics, "bad_endings"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(4, 9), max_size=5), min_size=1, max_size=6))
def test_what_breaks_off_loses_what_bad_endings_says(captions):
    weights = {"rouge_l": 1.0}
    ids = ["one"] * len(captions)
    rows = [[*caption, EOS] for caption in captions]
    plain = reward(weights, ids, rows)
    found = reward({**weights, "bad_endings": 0.5}, ids, rows, words=WORDS)
    texts = [" ".join(WORDS[word] for word in caption) for caption in captions]
    broken_off = [diversity.bad_endings([text]) for text in texts]
    np.testing.assert_allclose(found, plain - 0.5 * np.array(broken_off), rtol=1e-6)


def test_a_caption_at_its_longest_has_an_end_as_well():
    tokens = np.array([[4, 5], [5, 4]], np.int32)  # "a man", "man a", no room for <eos>
    config = RewardConfig(**{**ONLY, "rouge_l": 1.0, "bad_endings": 9.0})
    found = RewardEngine(REFERENCES, config, WORDS).score(["one", "one"], tokens)
    assert list(found < -7) == [False, True]


def test_wrong_use_is_told():
    with pytest.raises(ConfigError, match="must be above 0"):
        RewardConfig.from_dict(ONLY)
    with pytest.raises(ConfigError, match="must be above 0"):
        RewardConfig.from_dict({**ONLY, "bad_endings": 1.0})
    with pytest.raises(ConfigError, match="cider_d = -1"):
        RewardConfig.from_dict({"cider_d": -1})
    with pytest.raises(ValueError, match="pass the vocabulary's words"):
        RewardEngine(REFERENCES, RewardConfig(meteor=1.0))
    with pytest.raises(ValueError, match="bad_endings reads words"):
        RewardEngine(REFERENCES, RewardConfig(bad_endings=1.0))
    engine = RewardEngine(REFERENCES, RewardConfig())
    with pytest.raises(ValueError, match="no references for clip 'four'"):
        engine.score(["four"], np.zeros((1, 3), np.int32))
    with pytest.raises(ValueError, match="2 captions and 1 ids"):
        engine.score(["one"], np.zeros((2, 3), np.int32))
    with pytest.raises(ValueError, match="must be \\(N, L\\)"):
        engine.score(["one"], np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="every clip needs one reference"):
        RewardEngine({"one": []}, RewardConfig())
