import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.bleu.bleu_scorer import BleuScorer

from keras_models.metrics import bleu
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences

SENTENCES = st.lists(st.integers(1, 5), max_size=12)
CLIPS = st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=4))


def count(clips):
    references = ReferenceNgrams([references for _, references in clips])
    sentences = TokenSequences.from_lists([candidate for candidate, _ in clips])
    rows = np.arange(len(clips))
    counts = references.count(sentences)
    return bleu.match_counts(references, rows, sentences.lengths, counts)


@settings(max_examples=200, deadline=None)
@given(st.lists(CLIPS, min_size=1, max_size=6))
def test_values_are_those_of_the_coco_evaluation(clips):
    stock = BleuScorer()
    for candidate, references in clips:
        texts = [" ".join(map(str, ids)) for ids in [candidate, *references]]
        stock += (texts[0], texts[1:])
    corpus, each = stock.compute_score(option="closest")
    found = count(clips)
    np.testing.assert_allclose(bleu.scores(found.sum(0)), corpus, rtol=1e-12)
    np.testing.assert_allclose(bleu.scores(found).T, each, rtol=1e-12, atol=1e-300)


def test_of_two_closest_references_the_shorter_counts():
    (row,) = count([([1, 2, 3], [[1, 2], [1, 2, 3, 4]])])
    assert row[-2:].tolist() == [3, 2]


def test_smoothed_score_worked_by_hand():
    # 1-grams 3 of 4, 2-grams (1+1)/(3+1), 3-grams (0+1)/(2+1), 4-grams (0+1)/(1+1);
    # 4 words against 5: e^(1 − 5/4).
    (row,) = count([([1, 2, 9, 4], [[1, 2, 3, 4, 5]])])
    expected = (3 / 4 * 2 / 4 * 1 / 3 * 1 / 2) ** 0.25 * np.exp(-0.25)
    assert bleu.smoothed(row) == pytest.approx(expected)


def test_smoothed_score_lies_between_nothing_and_one():
    empty, whole = count([([], [[1, 2]]), ([1, 2, 3, 4], [[1, 2, 3, 4]])])
    assert bleu.smoothed(empty) == pytest.approx(0.0)
    assert bleu.smoothed(whole) == pytest.approx(1.0)
