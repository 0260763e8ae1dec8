import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_models.metrics.ngrams import ORDERS, ReferenceNgrams, TokenSequences

# A few ids that meet often, and some beyond 16 bits.
WORDS = st.sampled_from([1, 2, 3, 65_536, 65_537, 2**31 - 1])
SENTENCES = st.lists(WORDS, max_size=8)
CORPORA = st.lists(st.lists(SENTENCES, min_size=1, max_size=3), min_size=1, max_size=4)


def grams(sentence, order):
    return [tuple(sentence[at : at + order]) for at in range(len(sentence) - order + 1)]


@settings(max_examples=100, deadline=None)
@given(CORPORA, st.lists(SENTENCES, min_size=1, max_size=5))
def test_counts_and_postings_are_those_of_a_dictionary(corpus, candidates):
    references = ReferenceNgrams(corpus)
    counted = references.count(TokenSequences.from_lists(candidates))
    for order in range(1, ORDERS + 1):
        postings = references.orders[order - 1]
        documents = collections.Counter(
            gram
            for clip in corpus
            for gram in {gram for text in clip for gram in grams(text, order)}
        )
        assert len(postings.table) == len(documents)
        assert sorted(postings.documents) == sorted(documents.values())

        row, gram, times = counted[order - 1]
        for at, candidate in enumerate(candidates):
            theirs = collections.Counter(grams(candidate, order))
            mine = row == at
            assert sorted(times[mine]) == sorted(theirs.values())
            known = [gram for gram in theirs if gram in documents]
            assert (gram[mine] < len(documents)).sum() == len(known)
            for clip, texts in enumerate(corpus):
                found, where = postings.find(np.full(mine.sum(), clip), gram[mine])
                most = [
                    max(collections.Counter(grams(text, order))[one] for text in texts)
                    for one in known
                ]
                most = [number for number in most if number]
                assert sorted(postings.most[where[found]]) == sorted(most)


def test_pairs_stand_candidate_by_candidate():
    references = ReferenceNgrams([[[1]], [[1], [2], [3]]])
    candidate, reference = references.pairs(np.array([1, 0, 1]))
    assert candidate.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert reference.tolist() == [1, 2, 3, 0, 1, 2, 3]


def test_padding_stands_behind_the_chosen_sentences():
    sentences = TokenSequences.from_lists([[1, 2, 3], [], [4]])
    assert sentences.padded(np.array([2, 1, 0]), -1).tolist() == [
        [4, -1, -1],
        [-1, -1, -1],
        [1, 2, 3],
    ]


def test_clip_without_references_is_refused():
    with pytest.raises(ValueError, match="2 clips, 1 of them without"):
        ReferenceNgrams([[[1]], []])
