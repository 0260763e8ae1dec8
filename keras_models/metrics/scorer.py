"""The COCO caption metrics of a corpus, of its clips, and of any resampling of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_models.metrics import bleu, meteor, rouge_l, tokenizer
from keras_models.metrics.cider_d import CiderD
from keras_models.metrics.ngrams import ReferenceNgrams, Sentences
from transform.common.errors import KinescribeError

_BLEU = tuple(f"BLEU-{order}" for order in range(1, 5))
METRICS = (*_BLEU, "METEOR", "ROUGE-L", "CIDEr")


class ScoreError(KinescribeError, ValueError):
    """Captions that cannot be scored."""


class Measured(NamedTuple):
    """What was counted of N captions; every score follows from sums over them."""

    ids: tuple[str, ...]  # N clips
    metrics: tuple[str, ...]
    statistics: dict[str, np.ndarray]  # by family, (N, …): "BLEU", "METEOR", …

    def corpus(self) -> dict[str, float]:
        """The corpus' scores."""
        return {
            name: float(value)
            for name, value in self.resampled(np.ones(len(self.ids))).items()
        }

    def each(self) -> dict[str, dict[str, float]]:
        """Every clip's scores: id → metric → value."""
        table = self._combine(self.statistics)
        return {
            clip: {name: float(values[row]) for name, values in table.items()}
            for row, clip in enumerate(self.ids)
        }

    def resampled(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The scores of corpora in which clip i stands `weights[…, i]` times.

        Args:
            weights: (…, N).

        Returns:
            A (…,) array for each metric.
        """
        clips = weights.sum(-1)[..., np.newaxis]
        sums = {}
        for family, rows in self.statistics.items():
            total = weights @ rows
            # CIDEr and ROUGE-L of a corpus are means over its clips.
            sums[family] = total / clips if family in ("ROUGE-L", "CIDEr") else total
        return self._combine(sums)

    def _combine(self, statistics: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = {}
        for name in self.metrics:
            if name in _BLEU:
                every = bleu.combine(statistics["BLEU"])
                values[name] = every[..., _BLEU.index(name)]
            elif name == "METEOR":
                values[name] = meteor.combine(statistics["METEOR"])
            else:
                values[name] = statistics[name][..., 0]
        return values


class Scorer:
    """Scores captions against the references of a corpus.

    The references are tokenised and indexed once, at the first score that needs it.
    CIDEr's document frequencies are those of this whole corpus, also where only some of
    its clips are scored.

    Args:
        references: Each clip's captions, untokenised.
    """

    def __init__(self, references: Mapping[str, Sequence[str]]):
        _check_references(references)
        # Sums of floats depend on their order, so clips always stand in one order.
        self._captions = {clip: list(references[clip]) for clip in sorted(references)}
        self._rows = {clip: row for row, clip in enumerate(self._captions)}
        self._tokenized: list[list[str]] = []  # each clip's references, when needed

    def measure(
        self, predictions: Mapping[str, str], metrics: Iterable[str] = METRICS
    ) -> Measured:
        """Counts what `metrics` need of each predicted caption.

        Raises:
            ScoreError: There is no prediction, one is not a string or has no
                references, or a metric is unknown.
        """
        names = check_metrics(metrics)
        self._check_predictions(predictions)
        ids = sorted(predictions)
        captions = self._tokenize(predictions[clip] for clip in ids)
        clips = np.array([self._rows[clip] for clip in ids])
        statistics = {}
        if not {"CIDEr", *_BLEU}.isdisjoint(names):
            sentences = self._encode([text.split() for text in captions])
            counts = self._ngrams.count(sentences)
            if "CIDEr" in names:
                values = self._cider_d.score(clips, sentences.lengths, counts)
                statistics["CIDEr"] = values[:, np.newaxis]
            if not set(_BLEU).isdisjoint(names):
                statistics["BLEU"] = bleu.statistics(
                    self._ngrams, clips, sentences.lengths, counts
                )
        if "ROUGE-L" in names:
            values = rouge_l.score(
                self._encode([text.split(" ") for text in captions]),
                self._lines,
                *self._ngrams.pairs(clips),
            )
            statistics["ROUGE-L"] = values[:, np.newaxis]
        if "METEOR" in names:
            statistics["METEOR"] = meteor.shared().statistics(
                captions, [self._tokenized[clip] for clip in clips]
            )
        return Measured(tuple(ids), names, statistics)

    # -------------------------------------------------------- the references

    def _tokenize(self, captions: Iterable[str]) -> list[str]:
        """The first time together with the references, in one Java process."""
        if self._tokenized:
            return tokenizer.tokenize(captions)
        texts = [text for texts in self._captions.values() for text in texts]
        tokens = iter(tokenizer.tokenize([*texts, *captions]))
        self._tokenized = [
            [next(tokens) for _ in texts] for texts in self._captions.values()
        ]
        return list(tokens)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        """The references' words; ROUGE-L splits at single spaces, the others at any."""
        texts = [text for texts in self._tokenized for text in texts]
        words = (w for text in texts for w in (*text.split(), *text.split(" ")))
        return {word: number for number, word in enumerate(dict.fromkeys(words))}

    @functools.cached_property
    def _ngrams(self) -> ReferenceNgrams:
        ids = self._ids
        return ReferenceNgrams(
            [
                [[ids[word] for word in text.split()] for text in texts]
                for texts in self._tokenized
            ]
        )

    @functools.cached_property
    def _cider_d(self) -> CiderD:
        return CiderD(self._ngrams)

    @functools.cached_property
    def _lines(self) -> Sentences:
        """The references as ROUGE-L sees them: one empty word where there is none."""
        return self._encode(
            [text.split(" ") for texts in self._tokenized for text in texts]
        )

    def _encode(self, sentences: list[list[str]]) -> Sentences:
        """Numbers words; those that no reference has get numbers beyond, for now."""
        ids = self._ids
        new: dict[str, int] = {}

        def number(word: str) -> int:
            return (
                ids[word] if word in ids else new.setdefault(word, len(ids) + len(new))
            )

        return Sentences.of([[number(word) for word in words] for words in sentences])

    def _check_predictions(self, predictions: Mapping[str, str]) -> None:
        if not predictions:
            raise ScoreError("there is no caption to score; pass one at least.")
        for clip, caption in predictions.items():
            if not isinstance(caption, str):
                raise ScoreError(
                    f"the prediction for {clip!r} is {_kind(caption)}; it must be one "
                    "string."
                )
        lacking = [clip for clip in predictions if clip not in self._rows]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise ScoreError(
                f"there is no reference caption for {lacking[0]!r}{more}; predictions "
                "and references must use the same clip ids."
            )


def score(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    metrics: Iterable[str] = METRICS,
) -> dict[str, float]:
    """The corpus' scores, equal to pycocoevalcap's after its PTB tokenisation.

    Args:
        predictions: One caption for each clip.
        references: Some captions for each clip. Those of clips that are not predicted
            still count for CIDEr's document frequencies.
        metrics: Any of `METRICS`.

    Returns:
        metric → value, as fractions: a BLEU-4 of 48.1 in a paper is 0.481.
    """
    return Scorer(references).measure(predictions, metrics).corpus()


def score_each(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    metrics: Iterable[str] = METRICS,
) -> dict[str, dict[str, float]]:
    """Every clip's scores: id → metric → value. Arguments as for `score`."""
    return Scorer(references).measure(predictions, metrics).each()


def check_metrics(metrics: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of `METRICS`; `ScoreError` for an unknown one."""
    wanted = tuple(metrics)
    for name in wanted:
        if name not in METRICS:
            raise ScoreError(
                f"there is no metric {name!r}; choose from {', '.join(METRICS)}."
            )
    if not wanted:
        raise ScoreError(f"no metric is given; choose from {', '.join(METRICS)}.")
    return tuple(name for name in METRICS if name in wanted)


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
