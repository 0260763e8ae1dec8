import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.cider.cider_scorer import CiderScorer

from keras_models.metrics.cider_d import ReferenceWeights
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences

SENTENCES = st.lists(st.integers(1, 6), max_size=12)
CLIPS = st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=4))


def text(ids):
    return " ".join(map(str, ids))


def score(corpus, clips, candidates):
    references = ReferenceNgrams(corpus)
    sentences = TokenSequences.from_lists(candidates)
    return ReferenceWeights(references).score(
        np.asarray(clips), sentences.lengths, references.count(sentences)
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(CLIPS, min_size=1, max_size=6))
def test_values_are_those_of_the_authors_code(clips):
    stock = CiderScorer()
    for candidate, references in clips:
        stock += (text(candidate), [text(ids) for ids in references])
    stock.document_frequency[()] = 0  # it wants one n-gram at least
    _, expected = stock.compute_score()
    found = score(
        [references for _, references in clips],
        np.arange(len(clips)),
        [candidate for candidate, _ in clips],
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_some_clips_keep_the_frequencies_of_the_whole_corpus():
    random = np.random.default_rng(0)
    corpus = [
        [random.integers(1, 9, random.integers(1, 12)).tolist() for _ in range(3)]
        for _ in range(20)
    ]
    candidates = [random.integers(1, 12, 8).tolist() for _ in corpus]
    whole = score(corpus, np.arange(20), candidates)
    some = [7, 3, 3, 19]
    found = score(corpus, some, [candidates[clip] for clip in some])
    np.testing.assert_allclose(found, whole[some], rtol=1e-13)


def test_a_caption_like_its_only_reference_scores_ten():
    corpus = [[[1, 2, 3, 4, 5]], [[6, 7, 8]]]
    assert score(corpus, [0], [corpus[0][0]]) == pytest.approx(10.0)


def test_length_penalty_counts_bigrams():
    # No common bigram; unigrams 1 of norm √2 and 1: 10/4 · e^(−1/72) / √2, by hand.
    corpus = [[[1]], [[9]]]
    expected = 10 / 4 * np.exp(-1 / 72) / np.sqrt(2)
    assert score(corpus, [0], [[1, 2]]) == pytest.approx(expected)


def test_no_caption_gives_no_score():
    assert score([[[1]]], np.zeros(0, int), []).shape == (0,)
