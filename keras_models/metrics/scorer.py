"""Scores of captions: of a corpus, of each clip, and of resampled corpora."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_models.metrics import METRICS, canonical_name, tokenizer
from keras_models.metrics.metric import Candidates, References
from keras_models.metrics.ngrams import ReferenceNgrams, TokenSequences
from transform.common.errors import KinescribeError
from transform.records.tokenizers import Tokenizer, Words

_USUAL = Words()


class ScoreError(KinescribeError, ValueError):
    """Captions that cannot be scored."""


class MetricStatistics(NamedTuple):
    """The statistics of N captions; every score follows from sums over them."""

    ids: tuple[str, ...]  # N clips
    statistics: dict[str, np.ndarray]  # by metric, (N, S)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics whose statistics these are."""
        return tuple(self.statistics)

    def take(self, clips: Iterable[str]) -> MetricStatistics:
        """Returns the statistics of those of the N clips that are among `clips`."""
        wanted = set(clips)
        rows = [row for row, clip in enumerate(self.ids) if clip in wanted]
        return MetricStatistics(
            tuple(self.ids[row] for row in rows),
            {name: values[rows] for name, values in self.statistics.items()},
        )

    @classmethod
    def mean(cls, several: Sequence[MetricStatistics]) -> MetricStatistics:
        """Returns the statistics of a corpus that holds all captions of each clip.

        The clips are the same in all of them, and each counts once: a resampled clip
        brings all of its captions.
        """
        first = several[0]
        return cls(
            first.ids,
            {
                name: np.mean([one.statistics[name] for one in several], axis=0)
                for name in first.metrics
            },
        )

    def corpus(self) -> dict[str, float]:
        """Returns the scores of the corpus: metric → value."""
        return {
            name: float(value)
            for name, value in self.bootstrap(np.ones(len(self.ids))).items()
        }

    def per_clip(self) -> dict[str, dict[str, float]]:
        """Returns the scores of every clip: id → metric → value."""
        clips = np.ones(len(self.ids))
        table = {
            name: METRICS[name].combine(rows, clips)
            for name, rows in self.statistics.items()
        }
        return {
            clip: {name: float(values[row]) for name, values in table.items()}
            for row, clip in enumerate(self.ids)
        }

    def bootstrap(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the scores of corpora in which clip i stands `weights[…, i]` times.

        Args:
            weights: (…, N).

        Returns:
            A (…,) array for each metric.
        """
        clips = weights.sum(-1)
        return {
            name: METRICS[name].combine(weights @ rows, clips)
            for name, rows in self.statistics.items()
        }


class Scorer:
    """Scores captions against the references of a corpus.

    The references are tokenised and indexed once, at the first score that needs it.
    The document frequencies of CIDEr-D are those of this whole corpus, also where only
    some of its clips are scored.

    Args:
        references: Each clip's captions, untokenised.
        split: The tokenizer of the model that wrote what is scored. By the usual one,
            scores are of the Penn Treebank's words, as published.
    """

    def __init__(
        self, references: Mapping[str, Sequence[str]], split: Tokenizer = _USUAL
    ):
        _check_references(references)
        self._split = split
        # Sums of floats depend on their order, so clips always stand in one order.
        self._captions = {clip: list(references[clip]) for clip in sorted(references)}
        self._rows = {clip: row for row, clip in enumerate(self._captions)}
        self._tokenized: list[list[str]] = []  # each clip's references, when needed

    def collect(
        self, predictions: Mapping[str, str], metrics: Iterable[str] = METRICS
    ) -> MetricStatistics:
        """Collects the statistics of each predicted caption that `metrics` need.

        Raises:
            ScoreError: There is no prediction, one is not a string or has no
                references, or a metric is unknown.
        """
        names = check_metrics(metrics)
        self._check_predictions(predictions)
        ids = sorted(predictions)
        captions = self._tokenize(predictions[clip] for clip in ids)
        clips = np.array([self._rows[clip] for clip in ids])
        candidates = _TextCandidates(self._references, clips, captions)

        def statistics(names: Iterable[str]) -> dict[str, np.ndarray]:
            return {
                name: METRICS[name].statistics(candidates, self._references)
                for name in names
            }

        # What asks a process for its counts waits for most of the time.
        asking = [name for name in names if METRICS[name].reads_texts]
        counting = [name for name in names if name not in asking]
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            counted = thread.submit(statistics, counting)
            found = statistics(asking) | counted.result()
        return MetricStatistics(tuple(ids), {name: found[name] for name in names})

    def _tokenize(self, captions: Iterable[str]) -> list[str]:
        """Tokenises captions, the first time with the references in one process."""
        if self._tokenized:
            return self._tokens(list(captions))
        texts = [text for texts in self._captions.values() for text in texts]
        tokens = iter(self._tokens([*texts, *captions]))
        self._tokenized = [
            [next(tokens) for _ in texts] for texts in self._captions.values()
        ]
        return list(tokens)

    def _tokens(self, captions: Sequence[str]) -> list[str]:
        spaced = self._split.spaced(captions)
        return tokenizer.tokenize(spaced) if self._split.scored_as_treebank else spaced

    @functools.cached_property
    def _references(self) -> _TextReferences:
        return _TextReferences(self._tokenized)

    def _check_predictions(self, predictions: Mapping[str, str]) -> None:
        if not predictions:
            raise ScoreError("there is no caption to score; pass one at least.")
        for clip, caption in predictions.items():
            if not isinstance(caption, str):
                raise ScoreError(
                    f"the prediction for {clip!r} is {_kind(caption)}; it must be one "
                    "string."
                )
        missing = [clip for clip in predictions if clip not in self._rows]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ScoreError(
                f"there is no reference caption for {missing[0]!r}{more}; predictions "
                "and references must use the same clip ids."
            )


class _TextReferences(References):
    """References that are given as tokens; their words are numbered here."""

    def __init__(self, texts: Sequence[Sequence[str]]):
        self._texts = texts

    @property
    def texts(self) -> Sequence[Sequence[str]]:
        return self._texts

    @functools.cached_property
    def ngrams(self) -> ReferenceNgrams:
        ids = self._ids
        return ReferenceNgrams(
            [
                [[ids[word] for word in text.split()] for text in texts]
                for texts in self._texts
            ]
        )

    @functools.cached_property
    def lines(self) -> TokenSequences:
        """The references split at every space: one empty word where there is none."""
        return self.encode([text.split(" ") for texts in self._texts for text in texts])

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        """Each word's number; ROUGE-L splits at single spaces, the others at any."""
        texts = [text for texts in self._texts for text in texts]
        words = (w for text in texts for w in (*text.split(), *text.split(" ")))
        return {word: number for number, word in enumerate(dict.fromkeys(words))}

    def encode(self, sentences: list[list[str]]) -> TokenSequences:
        """Numbers words; those of no reference get numbers beyond, for this call."""
        beyond = itertools.count(len(self._ids))
        ids = collections.defaultdict(beyond.__next__, self._ids)
        return TokenSequences.from_lists(
            [[ids[word] for word in words] for words in sentences]
        )


class _TextCandidates(Candidates):
    """Captions that are given as tokens, numbered as their references' words are."""

    def __init__(
        self, references: _TextReferences, clips: np.ndarray, texts: Sequence[str]
    ):
        super().__init__(references, clips)
        self._encode = references.encode
        self._texts = texts

    @property
    def texts(self) -> Sequence[str]:
        return self._texts

    @functools.cached_property
    def sentences(self) -> TokenSequences:
        return self._encode([text.split() for text in self._texts])

    @functools.cached_property
    def lines(self) -> TokenSequences:
        return self._encode([text.split(" ") for text in self._texts])


def score(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    metrics: Iterable[str] = METRICS,
) -> dict[str, float]:
    """Scores a corpus, with the values of pycocoevalcap after its PTB tokenisation.

    Args:
        predictions: One caption for each clip.
        references: Some captions for each clip. Those of clips that are not predicted
            still count for CIDEr-D's document frequencies.
        metrics: Names of metrics, of `METRICS`; "CIDEr" is CIDEr-D.

    Returns:
        metric → value, as fractions: a BLEU-4 of 48.1 in a paper is 0.481.
    """
    return Scorer(references).collect(predictions, metrics).corpus()


def score_each(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    metrics: Iterable[str] = METRICS,
) -> dict[str, dict[str, float]]:
    """Scores every clip: id → metric → value. The arguments are those of `score`."""
    return Scorer(references).collect(predictions, metrics).per_clip()


def check_metrics(metrics: Iterable[str]) -> tuple[str, ...]:
    """Returns the metrics' own names in the order of `METRICS`.

    Raises:
        ScoreError: A name is unknown, or none is given.
    """
    names = [canonical_name(name) for name in metrics]
    for name in names:
        if name not in METRICS:
            raise ScoreError(
                f"there is no metric {name!r}; choose from {', '.join(METRICS)}."
            )
    if not names:
        raise ScoreError(f"no metric is given; choose from {', '.join(METRICS)}.")
    return tuple(name for name in METRICS if name in names)


def _check_references(references: Mapping[str, Sequence[str]]) -> None:
    if not references:
        raise ScoreError("there are no reference captions; pass those of one clip.")
    for clip, texts in references.items():
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise ScoreError(
                f"the references of {clip!r} are {_kind(texts)}; they must be a list "
                "of strings."
            )
        if not texts:
            raise ScoreError(f"the list of references of {clip!r} is empty.")
        for text in texts:
            if not isinstance(text, str):
                raise ScoreError(
                    f"a reference of {clip!r} is {_kind(text)}; it must be a string."
                )


def _kind(value: object) -> str:
    names = {str: "a string", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), f"{value!r}")
