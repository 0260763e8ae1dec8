"""What a comparison found: scores of rows, controls, and the papers' claims."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_models.evaluation.evaluate import (
    BEST_CONSTANT,
    HUMAN,
    SHUFFLED_FEATURES,
    best_constant,
    derangements,
)
from keras_models.evaluation.nearest_neighbours import consensus_captions, mean_vectors
from keras_models.metrics import METRICS, bootstrap, tokenizer
from keras_models.metrics.bootstrap import Difference
from keras_models.metrics.scorer import MetricStatistics, Scorer
from keras_models.presets import published
from pipeline.comparison.attention_figures import Accuracy
from pipeline.comparison.data import ComparisonData
from pipeline.comparison.task import AS_IT_IS, ONE_FRAME, SHUFFLED_FRAMES, Outcome, Task

NEAREST = "consensus of the 8 nearest training clips"
_DERANGEMENTS = 2

Scores = Mapping[str, float]


class Look(NamedTuple):
    """How often an attention weight looks where or when it should, over the seeds."""

    measure: str
    weight: str  # its name
    clips: int  # of which it can be told
    accuracy: Accuracy


class RowResult(NamedTuple):
    """A row's scores on some clips, over its seeds."""

    row: str
    reading: str  # which features stand for the paper's
    same_as: str  # the row that was trained in its place, being the same model
    refused: str  # why it cannot read the data
    seeds: int
    parameters: int
    seconds: float  # of one training, on average
    mean: Scores
    deviation: Scores  # over seeds; nan for one seed
    controls: Mapping[str, float]  # CIDEr-D of changed inputs, by their name
    distinct: float  # share of captions that differ, of one seed on average
    curves: Sequence[Sequence[tuple[float, float]]]
    looks: Sequence[Look]  # of each attention weight with a place


class Claim(NamedTuple):
    """A paper's claim that one row is better than another, and what was seen."""

    paper: str
    better: str
    other: str
    metric: str
    published: float  # the difference that the paper prints
    difference: Difference  # the one that was measured
    where: str

    @property
    def verdict(self) -> str:
        """Whether the claim was seen: the 95 % interval's place says so."""
        if self.difference.low > 0:
            return "seen"
        return "reversed" if self.difference.high < 0 else "not told apart"

    def as_json(self) -> dict[str, Any]:
        """Returns the claim, the difference and the verdict as plain JSON types."""
        difference = self.difference._asdict()
        return {**self._asdict(), "difference": difference, "verdict": self.verdict}


class PartResult(NamedTuple):
    """Everything about one part of the data."""

    name: str
    clips: int
    floors: Mapping[str, Scores]  # what needs no decoder, and a person
    rows: Sequence[RowResult]
    claims: Sequence[Claim]


class ScoredRow(NamedTuple):
    """What the metrics counted of a row's captions of all test clips."""

    outcomes: Sequence[Outcome]  # of its seeds
    own: Sequence[MetricStatistics]  # of each seed
    controls: Mapping[str, Sequence[MetricStatistics]]  # CIDEr-D alone


class ComparisonResults:
    """The results on one set of data, for all its clips or for a part of them.

    CIDEr-D takes the document frequencies of all test clips, also for a part.

    Args:
        data: The data that the rows were trained on.
        outcomes: What came of each task.
        twins: Rows that are another row's model on these data, by their names.
    """

    def __init__(
        self,
        data: ComparisonData,
        outcomes: Mapping[Task, Outcome],
        twins: Mapping[str, str],
    ):
        self._data = data
        self._twins = twins
        self._references = data.split("test").references
        self._scorer = Scorer(self._references)
        by_row: dict[str, list[Outcome]] = {}
        for task, outcome in outcomes.items():
            by_row.setdefault(task.row, []).append(outcome)
        self._refused = {
            row: of_seeds[0].refused
            for row, of_seeds in by_row.items()
            if of_seeds[0].refused
        }
        tokenizer.tokenize(  # all at once: every process of Java takes a while
            caption
            for outcome in outcomes.values()
            for captions in outcome.captions.values()
            for caption in captions.values()
        )
        self._rows = {
            row: self._score(of_seeds)
            for row, of_seeds in by_row.items()
            if row not in self._refused
        }
        self._floors = self._score_floors()

    def parts(self) -> list[PartResult]:
        """Returns the results on all clips, then on each part if there are several."""
        parts = [self._part("all", self._references)]
        if len(self._data.parts) > 1:
            for name in self._data.parts:
                clips = self._data.split("test", name).references
                parts.append(self._part(name, clips))
        return parts

    def _score(self, outcomes: Sequence[Outcome]) -> ScoredRow:
        def collect(captions: Mapping[str, str]) -> MetricStatistics:
            return self._scorer.collect(self._scorable(captions), ["CIDEr-D"])

        controls = {
            name: [collect(outcome.captions[name]) for outcome in outcomes]
            for name in (ONE_FRAME, SHUFFLED_FRAMES)
        }
        controls[SHUFFLED_FEATURES] = [
            collect(other)
            for seed, outcome in enumerate(outcomes)
            for other in derangements(outcome.captions[AS_IT_IS], _DERANGEMENTS, seed)
        ]
        own = [
            self._scorer.collect(self._scorable(outcome.captions[AS_IT_IS]))
            for outcome in outcomes
        ]
        return ScoredRow(outcomes, own, controls)

    def _score_floors(self) -> dict[str, MetricStatistics]:
        training = self._data.split("train").references
        constant = dict.fromkeys(self._references, best_constant(training))
        nearest = self._scorable(_nearest_captions(self._data))
        floors = {
            BEST_CONSTANT: self._scorer.collect(constant),
            NEAREST: self._scorer.collect(nearest),
        }
        people = {c: texts for c, texts in self._references.items() if len(texts) > 1}
        if len(people) == len(self._references):
            others = {clip: texts[1:] for clip, texts in people.items()}
            first = {clip: texts[0] for clip, texts in people.items()}
            floors[HUMAN] = Scorer(others).collect(first)
        return floors

    def _part(self, name: str, clips: Mapping[str, Sequence[str]]) -> PartResult:
        rows = [
            *(self._row(row, scored, clips) for row, scored in self._rows.items()),
            *(_refused(row, reason) for row, reason in self._refused.items()),
        ]
        by_name = {row.row: row for row in rows}
        rows.extend(
            by_name[twin]._replace(row=row, same_as=twin)
            for row, twin in self._twins.items()
            if twin in by_name
        )
        return PartResult(
            name,
            len(clips),
            {
                floor: statistics.take(clips).corpus()
                for floor, statistics in self._floors.items()
            },
            rows,
            tuple(
                _claims(
                    {
                        row: MetricStatistics.mean(scored.own).take(clips)
                        for row, scored in self._rows.items()
                    }
                )
            ),
        )

    def _row(
        self, row: str, scored: ScoredRow, clips: Mapping[str, Sequence[str]]
    ) -> RowResult:
        outcomes = scored.outcomes
        scores = [one.take(clips).corpus() for one in scored.own]
        several = len(scores) > 1
        captions = [
            [text for clip, text in outcome.captions[AS_IT_IS].items() if clip in clips]
            for outcome in outcomes
        ]
        return RowResult(
            row=row,
            reading=outcomes[0].reading,
            same_as="",
            refused="",
            seeds=len(outcomes),
            parameters=outcomes[0].parameters,
            seconds=_mean_of(outcome.training_seconds for outcome in outcomes),
            mean={name: _mean_of(one[name] for one in scores) for name in METRICS},
            deviation={
                name: float(np.std([one[name] for one in scores], ddof=1))
                if several
                else math.nan
                for name in METRICS
            },
            controls={
                name: _mean_of(one.take(clips).corpus()["CIDEr-D"] for one in seeds)
                for name, seeds in scored.controls.items()
            },
            distinct=_mean_of(len(set(texts)) / len(texts) for texts in captions),
            curves=[outcome.curve for outcome in outcomes],
            looks=list(_looks(outcomes, clips)),
        )

    def _scorable(self, captions: Mapping[str, str]) -> dict[str, str]:
        return {clip: captions[clip] for clip in captions if clip in self._references}


def _nearest_captions(data: ComparisonData) -> dict[str, str]:
    """Captions the test clips by their nearest training clips, in all features."""
    features = [feature.name for feature in data.spec.features]
    training = data.split("train")
    return consensus_captions(
        mean_vectors(data.split("test").videos(32, features)),
        mean_vectors(training.videos(32, features)),
        training.references,
    )


def _mean_of(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _looks(
    outcomes: Sequence[Outcome], clips: Mapping[str, Sequence[str]]
) -> Iterator[Look]:
    of_clips: dict[tuple[str, str], list[tuple[str, Accuracy]]] = {}
    for outcome in outcomes:
        for measure, weights in outcome.looks.items():
            for weight, accuracies in weights.items():
                told = [each for each in accuracies.items() if each[0] in clips]
                of_clips.setdefault((measure, weight), []).extend(told)
    for (measure, weight), told in of_clips.items():
        if told:
            found = Accuracy.mean(accuracy for _, accuracy in told)
            yield Look(measure, weight, len({clip for clip, _ in told}), found)


def _refused(row: str, reason: str) -> RowResult:
    return RowResult(row, "", "", reason, 0, 0, 0.0, {}, {}, {}, 0.0, (), ())


def _claims(statistics: Mapping[str, MetricStatistics]) -> Iterator[Claim]:
    """Yields the papers' claims on two rows that were both trained."""
    seen = set()
    for comparison in published.comparisons():
        better, other = comparison.better.preset, comparison.other.preset
        metric = "CIDEr-D" if "CIDEr-D" in comparison.metrics else comparison.metrics[0]
        if (better, other) in seen or not {better, other} <= statistics.keys():
            continue
        seen.add((better, other))
        difference = bootstrap.differences(statistics[better], statistics[other])
        yield Claim(
            comparison.better.paper,
            better,
            other,
            metric,
            comparison.better.scores[metric] - comparison.other.scores[metric],
            difference[metric],
            comparison.where,
        )
