"""The recipe "Add a metric" of CONTRIBUTING.md, carried out on a copy of the source."""

import pathlib

import pytest

from tests.support.source_copy import SourceCopy

PACKAGES = ("transform", "keras_models", "serving", "components")
TABLE = pathlib.Path("keras_models", "metrics", "__init__.py")
MODULE = TABLE.with_name("unigram_f1.py")

METRIC = '''\
"""Unigram F1 of a caption and the reference that it shares most words with."""

from __future__ import annotations

import collections

import numpy as np

from keras_models.metrics.metric import (
    Candidates,
    MeanMetric,
    References,
    TokenReward,
)
from keras_models.metrics.ngrams import TokenSequences


class UnigramF1(MeanMetric):
    """The harmonic mean of the precision and the recall of single words."""

    name = "Unigram-F1"

    @property
    def token_reward(self) -> TokenReward:
        return self.per_clip

    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        captions = _bags(candidates.sentences)
        others = _bags(references.ngrams.sentences)
        best = np.zeros((len(captions), 1))
        for row, other in zip(*references.ngrams.pairs(candidates.clips), strict=True):
            caption, reference = captions[row], others[other]
            shared = sum((caption & reference).values())
            words = sum((caption + reference).values())
            best[row] = max(best[row, 0], 2 * shared / max(words, 1))
        return best


def _bags(sentences: TokenSequences) -> list[collections.Counter]:
    ends = np.cumsum(sentences.lengths)[:-1]
    rows = np.split(sentences.tokens, ends)
    return [collections.Counter(tokens.tolist()) for tokens in rows]
'''

ROW = "        CiderD(),\n"
IMPORT = "from keras_models.metrics.rouge_l import RougeL\n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to which the metric was added as the recipe says."""
    copy = SourceCopy(tmp_path_factory.mktemp("source"), *PACKAGES)
    copy.add(MODULE, METRIC)
    copy.replace(
        TABLE,
        {
            ROW: f"{ROW}        UnigramF1(),\n",
            IMPORT: f"{IMPORT}from keras_models.metrics.unigram_f1 import UnigramF1\n",
        },
    )
    return copy


def test_a_metric_is_one_new_file_and_one_row(copy):
    assert copy.changed() == {MODULE, TABLE}
    assert copy.added_lines(TABLE) == 2  # the row, and its import


def test_the_scorer_the_bootstrap_and_the_rewards_know_the_metric(copy):
    copy.run(
        """
import numpy as np
import keras_models
from keras_models.metrics import bootstrap, scorer
from keras_models.objectives.rewards import EOS, RewardConfig, RewardEngine

assert keras_models.__path__[0].startswith(__import__("os").getcwd())
references = {"a": ["A dog runs.", "two dogs"], "b": ["a man sings"], "c": ["a cat"]}
captions = {"a": "a dog runs", "b": "a man", "c": "nothing"}
scores = scorer.score(captions, references, ["unigram_f1", "CIDEr"])
assert list(scores) == ["CIDEr-D", "Unigram-F1"]
assert np.isclose(scores["Unigram-F1"], (1 + 4 / 5 + 0) / 3)
statistics = scorer.Scorer(references).collect(captions, ["Unigram-F1"])
interval = bootstrap.intervals(statistics)["Unigram-F1"]
assert interval.low < interval.value < interval.high

assert RewardConfig().weights() == {"CIDEr-D": 1.0}
config = RewardConfig.from_dict({"cider_d": 0, "Unigram-F1": 0.5})
assert config.to_dict()["unigram_f1"] == 0.5
engine = RewardEngine({"a": [[4, 5, 6]]}, config)
rewards = engine.score(["a", "a"], np.array([[4, 5, 6, EOS], [4, 7, 8, EOS]]))
np.testing.assert_allclose(rewards, [0.5, 0.25])
""",
    )


def test_the_evaluator_computes_the_metric_and_gates_it(copy):
    copy.run(
        """
import json
from components.evaluator import caption_metrics
from components.evaluator.analysis_config import eval_config
from serving.gates.config import GateConfig

gate = GateConfig.from_dict(
    {"minimum": {"unigram-f1": 0.4}, "max_regression": {"Unigram-F1": 0.1}}
)
assert gate.minimum == {"Unigram-F1": 0.4}
assert gate.max_regression == {"Unigram-F1": 0.1}
(metric,) = (
    metric
    for metric in eval_config().metrics_specs[0].metrics
    if "Unigram-F1" in metric.config
)
assert metric.module == caption_metrics.__name__
tfma_class = getattr(caption_metrics, metric.class_name)
assert tfma_class(**json.loads(metric.config)).name == "Unigram-F1"
corpus = {"a": ("a dog", ("a dog",)), "b": ("a cat", ("a dog",))}
assert caption_metrics._score(corpus, "Unigram-F1", "") == 0.75
""",
    )
