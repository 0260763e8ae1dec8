"""The recipe "Add a metric" of CONTRIBUTING.md, carried out on a copy of the source."""

import filecmp
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

PACKAGES = ("transform", "keras_models", "components")
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
    folder = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (folder / MODULE).write_text(METRIC)
    table = (folder / TABLE).read_text()
    assert table.count(ROW) == table.count(IMPORT) == 1
    table = table.replace(ROW, f"{ROW}        UnigramF1(),\n")
    table = table.replace(
        IMPORT, f"{IMPORT}from keras_models.metrics.unigram_f1 import UnigramF1\n"
    )
    (folder / TABLE).write_text(table)
    return folder


def run(folder, program):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr


def test_a_metric_is_one_new_file_and_one_row(copy):
    changed = set()
    for package in PACKAGES:
        for path in (copy / package).rglob("*"):
            name = path.relative_to(copy)
            if path.is_file() and "__pycache__" not in name.parts:
                old = ROOT / name
                if not old.exists() or not filecmp.cmp(path, old, shallow=False):
                    changed.add(name)
    assert changed == {MODULE, TABLE}
    lines = [(folder / TABLE).read_text().splitlines() for folder in (ROOT, copy)]
    assert len(lines[1]) - len(lines[0]) == 2  # the row, and its import


def test_the_scorer_the_bootstrap_and_the_rewards_know_the_metric(copy):
    run(
        copy,
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
    run(
        copy,
        """
import json
from components.evaluator import caption_metrics
from components.evaluator.gates import GateConfig, eval_config

gate = GateConfig.from_dict(
    {"minimum": {"unigram-f1": 0.4}, "max_regression": {"Unigram-F1": 0.1}}
)
(metric,) = (
    metric
    for metric in eval_config(gate).metrics_specs[0].metrics
    if "Unigram-F1" in metric.config
)
threshold = metric.per_slice_thresholds[0].threshold
assert threshold.value_threshold.lower_bound.value == 0.4
assert threshold.change_threshold.absolute.value == -0.1
assert metric.module == caption_metrics.__name__
tfma_class = getattr(caption_metrics, metric.class_name)
assert tfma_class(**json.loads(metric.config)).name == "Unigram-F1"
corpus = {"a": ("a dog", ("a dog",)), "b": ("a cat", ("a dog",))}
assert caption_metrics._score(corpus, "Unigram-F1", "") == 0.75
""",
    )
