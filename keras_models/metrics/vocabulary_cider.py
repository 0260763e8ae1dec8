"""CIDEr-D over the tokens into which the vocabulary splits captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_models.metrics.cider_d import ReferenceWeights
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences
from transform.records.tokenizers import Tokenizer, Words

_USUAL = Words()


class VocabularyCiderD:
    """CIDEr-D (vocabulary tokens): words are split as the vocabulary splits them.

    The scorer's CIDEr-D splits words as the PTB tokenizer does, in a Java process, so
    the two differ a little: validation uses this one, and only to compare weights.

    Words outside a vocabulary count as themselves, so that scores of models with
    different vocabularies compare.

    Args:
        references: Captions by video id.
        tokenizer: The vocabulary's, which splits them.
    """

    def __init__(
        self,
        references: Mapping[str, Sequence[str]],
        tokenizer: Tokenizer = _USUAL,
    ):
        self._tokenizer = tokenizer
        self._rows = {video_id: row for row, video_id in enumerate(references)}
        self._ids: dict[bytes, int] = {}
        sizes = [len(captions) for captions in references.values()]
        texts = [text for captions in references.values() for text in captions]
        encoded = self._encode(texts)
        ends = np.cumsum(sizes)
        self._ngrams = ReferenceNgrams(
            [encoded[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        )
        self._weights = ReferenceWeights(self._ngrams)

    def score(self, captions: Mapping[str, str]) -> dict[str, float]:
        """Scores captions by video id: video id → score."""
        scores = self.score_rows(
            [self._rows[video_id] for video_id in captions], list(captions.values())
        )
        return dict(zip(captions, scores.tolist(), strict=True))

    def score_rows(self, rows: Sequence[int], captions: Sequence[str]) -> np.ndarray:
        """Scores captions of the clips at `rows` of the references: (N,) float64."""
        sentences = TokenSequences.from_lists(self._encode(captions))
        return self._weights.score(
            np.asarray(rows, np.int64),
            sentences.lengths,
            self._ngrams.count(sentences),
        )

    def typicality(self) -> np.ndarray:
        """Rates how near each reference is to those of all clips: (R,) float64.

        It is CIDEr without the clipping and the penalty that make CIDEr-D: a mean of
        cosines between tf-idf vectors, hence one product with the mean vector.
        """
        ngrams = self._ngrams
        rows = len(ngrams.sentences.lengths)
        share = np.repeat(1 / (ngrams.sizes * len(ngrams)), ngrams.sizes)  # (R,)
        total = np.zeros(rows)
        for postings in ngrams.orders:
            idf = np.log(len(ngrams) / postings.documents)
            weights = postings.times * idf[postings.gram]
            norms = np.sqrt(np.bincount(postings.reference, weights**2, rows))
            weights /= np.maximum(norms, 1e-12)[postings.reference]
            mean = np.bincount(
                postings.gram, weights * share[postings.reference], len(idf)
            )
            total += np.bincount(
                postings.reference, weights * mean[postings.gram], rows
            )
        return total

    def _encode(self, captions: Sequence[str]) -> list[list[int]]:
        texts = tf.constant(list(captions), tf.string)
        split = self._tokenizer.split(texts).to_list()
        return [
            [self._ids.setdefault(word, len(self._ids)) for word in caption]
            for caption in split
        ]
