"""Scores of a model's captions of a split, beside those of three baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_models.metrics import METRICS, bootstrap, diversity
from keras_models.metrics.bootstrap import Interval
from keras_models.metrics.scorer import MetricStatistics, Scorer
from keras_models.metrics.self_cider import self_cider
from keras_models.metrics.vocabulary_cider import VocabularyCiderD
from transform.records.tokenizers import Tokenizer, Words

BEST_CONSTANT = "best constant caption"
SHUFFLED_FEATURES = "features of other clips"
HUMAN = "a person"

_USUAL = Words()
_DERANGEMENTS = 5
_TYPICAL = 1000  # captions that are tried on some clips
_SHORTLIST = 40  # captions that are tried on all
_SHORTLIST_CLIPS = 60
_ROUNDS = 5


class ScoredCaption(NamedTuple):
    """A clip with its caption, the caption's score and the references."""

    video_id: str
    caption: str
    score: float  # CIDEr-D against its own references
    references: tuple[str, ...]


class Measured(NamedTuple):
    """What the metrics counted of a model's captions and of its baselines'."""

    captions: dict[str, str]  # of the clips that have references
    references: Mapping[str, Sequence[str]]
    scorer: Scorer
    statistics: MetricStatistics
    constant: str  # the best constant caption
    constant_statistics: MetricStatistics
    shuffled: tuple[MetricStatistics, ...]  # of several derangements
    training: tuple[str, ...]  # captions
    tokenizer: Tokenizer = _USUAL  # which splits all of them

    @property
    def shuffled_statistics(self) -> MetricStatistics:
        """The mean of what was counted of the derangements, clip by clip."""
        return MetricStatistics.mean(self.shuffled)


class Evaluation(NamedTuple):
    """The scores of a model and of its baselines, as fractions."""

    scores: dict[str, Interval]  # with a 95 % bootstrap interval over clips
    baselines: dict[str, dict[str, float]]
    constant: str  # the best constant caption
    language: dict[str, float]  # length, vocabulary, repetition, …
    clips: tuple[ScoredCaption, ...]  # best first

    def to_json(self) -> str:
        """Returns the scores and captions as JSON, for files and for `--json`."""
        data: dict[str, Any] = {
            "model": {name: score.value for name, score in self.scores.items()},
            "intervals": {
                name: [score.low, score.high] for name, score in self.scores.items()
            },
            "controls": self.baselines,
            "constant": self.constant,
            "language": self.language,
            "clips": [clip._asdict() for clip in self.clips],
        }
        return json.dumps(data, indent=1)


def evaluate(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    training_references: Mapping[str, Sequence[str]],
    seed: int = 0,
    tokenizer: Tokenizer = _USUAL,
) -> Evaluation:
    """Scores captions and their three baselines.

    - `BEST_CONSTANT`: the one training caption that fits the training clips best, as
      the caption of every clip. It needs no video at all.
    - `SHUFFLED_FEATURES`: each clip gets the model's caption of another clip, averaged
      over several derangements. It is what language alone explains. A caption depends
      on the features only, so the model need not run again.
    - `HUMAN`: each clip's references in turn, against its other ones.

    Args:
        captions: The model's captions, by video id.
        references: Captions of the same clips; CIDEr-D takes its document
            frequencies from them.
        training_references: Captions of the training clips.
        seed: Makes the derangements and the bootstrap repeatable.
        tokenizer: The model's, which decides what the words of captions are.
    """
    measured = measure(captions, references, training_references, seed, tokenizer)
    return summarise(measured, seed)


def measure(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    training_references: Mapping[str, Sequence[str]],
    seed: int = 0,
    tokenizer: Tokenizer = _USUAL,
) -> Measured:
    """Counts what `evaluate` scores; the arguments are the same."""
    scored = {clip: captions[clip] for clip in captions if clip in references}
    scorer = Scorer(references, tokenizer)
    constant = best_constant(training_references, tokenizer)
    training = [text for texts in training_references.values() for text in texts]
    return Measured(
        captions=scored,
        references=references,
        scorer=scorer,
        statistics=scorer.collect(scored),
        constant=constant,
        constant_statistics=scorer.collect(dict.fromkeys(scored, constant)),
        shuffled=tuple(
            scorer.collect(shuffled)
            for shuffled in derangements(scored, _DERANGEMENTS, seed)
        ),
        training=tuple(tokenizer.spaced(training)),
        tokenizer=tokenizer,
    )


def summarise(
    measured: Measured, seed: int = 0, several: Sequence[Sequence[str]] = ()
) -> Evaluation:
    """Scores what `measure` has counted.

    Args:
        measured: The counts.
        seed: Makes the intervals repeatable.
        several: The captions that the model has for each clip, of which one was scored;
            the more they differ, the higher is `self_cider`.
    """
    more = {"self_cider": self_cider(several)} if several else {}
    scored, references = measured.captions, measured.references
    per_clip = measured.statistics.per_clip()
    clips = [
        ScoredCaption(clip, caption, per_clip[clip]["CIDEr-D"], tuple(references[clip]))
        for clip, caption in scored.items()
    ]
    return Evaluation(
        scores=bootstrap.intervals(measured.statistics, seed=seed),
        baselines={
            BEST_CONSTANT: measured.constant_statistics.corpus(),
            SHUFFLED_FEATURES: _mean(s.corpus() for s in measured.shuffled),
            HUMAN: leave_one_out(
                {clip: references[clip] for clip in scored}, measured.tokenizer
            ),
        },
        constant=measured.constant,
        language={
            **diversity.summary(scored.values()),
            "copied": diversity.copied(scored.values(), measured.training),
            **more,
        },
        clips=tuple(sorted(clips, key=lambda clip: -clip.score)),
    )


def best_constant(
    references: Mapping[str, Sequence[str]], tokenizer: Tokenizer = _USUAL
) -> str:
    """Finds the caption with the highest mean CIDEr-D over all clips.

    The most typical captions are tried on a sample of the clips, the best of these on
    all clips.
    """
    cider_d = VocabularyCiderD(references, tokenizer)
    captions = [caption for texts in references.values() for caption in texts]
    order = np.argsort(-cider_d.typicality(), kind="stable")
    candidates = list(dict.fromkeys(captions[row] for row in order))
    all_clips = np.arange(len(references))
    sample = all_clips[:: max(1, len(all_clips) // _SHORTLIST_CLIPS)]
    for clips, limit in ((sample, _TYPICAL), (all_clips, _SHORTLIST)):
        candidates = candidates[:limit]
        values = cider_d.score_rows(
            np.tile(clips, len(candidates)).tolist(),
            np.repeat(candidates, len(clips)).tolist(),
        )
        means = values.reshape(len(candidates), len(clips)).mean(1)
        best = np.argsort(-means, kind="stable")
        candidates = [candidates[index] for index in best]
    return candidates[0]


def derangements(
    captions: Mapping[str, str], count: int, seed: int
) -> list[dict[str, str]]:
    """Returns `count` ways to give every clip another clip's caption."""
    clips = list(captions)
    if len(clips) < 2:
        return [dict(captions)]
    random = np.random.default_rng(seed)
    shuffled = []
    for _ in range(count):
        order = random.permutation(len(clips))  # one cycle: no clip keeps its own
        others = {clips[a]: clips[b] for a, b in zip(order, np.roll(order, 1))}  # noqa: B905
        shuffled.append({clip: captions[others[clip]] for clip in clips})
    return shuffled


def leave_one_out(
    references: Mapping[str, Sequence[str]], tokenizer: Tokenizer = _USUAL
) -> dict[str, float]:
    """Scores references against the other ones of their clip, in up to five rounds.

    Clips with a single reference cannot take part; {} when no clip can.
    """
    scorable = {
        clip: list(texts) for clip, texts in references.items() if len(texts) > 1
    }
    if not scorable:
        return {}
    rounds = min(_ROUNDS, *(len(texts) for texts in scorable.values()))
    scores = []
    for turn in range(rounds):
        others = {
            clip: texts[:turn] + texts[turn + 1 :] for clip, texts in scorable.items()
        }
        turns = {clip: texts[turn] for clip, texts in scorable.items()}
        scores.append(Scorer(others, tokenizer).collect(turns).corpus())
    return _mean(scores)


def _mean(scores: Any) -> dict[str, float]:
    rows = list(scores)
    return {name: float(np.mean([row[name] for row in rows])) for name in METRICS}
