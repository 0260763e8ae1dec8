import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.rouge.rouge import Rouge, my_lcs

from keras_models.metrics import rouge_l
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences

SENTENCES = st.lists(st.integers(1, 5), min_size=1, max_size=10)
CLIPS = st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=4))


@settings(max_examples=200, deadline=None)
@given(st.lists(CLIPS, min_size=1, max_size=5))
def test_values_are_those_of_the_coco_evaluation(clips):
    references = ReferenceNgrams([references for _, references in clips])
    found = rouge_l.score(
        TokenSequences.from_lists([candidate for candidate, _ in clips]),
        references.sentences,
        *references.pairs(np.arange(len(clips))),
    )
    stock = Rouge()
    expected = [
        stock.calc_score(
            [" ".join(map(str, candidate))],
            [" ".join(map(str, ids)) for ids in references],
        )
        for candidate, references in clips
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 200))
def test_subsequences_cross_the_64_bit_words(seed, ours, theirs):
    random = np.random.default_rng(seed)
    first, second = random.integers(1, 4, ours), random.integers(1, 4, theirs)
    found = rouge_l.longest_common_subsequence(
        TokenSequences.from_lists([first, first[:1]]),
        TokenSequences.from_lists([second, second[:1]]),
        np.array([0, 1]),
        np.array([0, 0]),
    )
    expected = [my_lcs(list(words), list(second)) for words in (first, first[:1])]
    assert found.tolist() == expected


def test_blocks_of_pairs_change_nothing(monkeypatch):
    random = np.random.default_rng(0)
    sentences = TokenSequences.from_lists(
        [random.integers(1, 5, n).tolist() for n in range(30)]
    )
    pairs = np.repeat(np.arange(30), 30), np.tile(np.arange(30), 30)
    whole = rouge_l.longest_common_subsequence(sentences, sentences, *pairs)
    monkeypatch.setattr(rouge_l, "_BLOCK", 7)
    parts = rouge_l.longest_common_subsequence(sentences, sentences, *pairs)
    assert (whole == parts).all()


def test_a_sentence_without_words_scores_nothing():
    empty, some = TokenSequences.from_lists([[]]), TokenSequences.from_lists([[1, 2]])
    one = np.zeros(1, int)
    assert rouge_l.score(empty, some, one, one).tolist() == [0.0]
    assert rouge_l.score(some, empty, one, one).tolist() == [0.0]
