"""The presets' settings beside what the papers print, None where they print nothing."""

from typing import Any, NamedTuple, Optional

import pytest

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.multi_sample import MultiSample
from keras_models.presets import registry
from keras_models.presets.preset import Preset
from keras_models.training.pretrained_embeddings import VectorsFile

GOOGLE_NEWS = VectorsFile(path="GoogleNews-vectors-negative300.bin.gz")


class Printed(NamedTuple):
    """What a paper says of how all its models were trained."""

    pairs: Optional[int]  # of a batch
    max_words: Optional[int]
    min_count: Optional[int]  # 1 where the vocabulary is every word
    word_vectors: Optional[VectorsFile]
    beam: Optional[int]
    optimizer: Optional[str]
    rate: Optional[float]
    l2: float
    clip_norm: Optional[float]
    sums: bool  # of a caption's words, in its equations
    splits: dict[str, dict[str, Any]]


PAPERS = {
    # Sec. 4.1, 4.2 and Eq. 5
    "MGSA": Printed(32, None, 1, None, 5, "adam", 1e-4, 5e-5, None, True, {}),
    # Sec. 4, 4.1: 13,010 distinct words on MSVD are all of them
    "STaTS": Printed(32, None, 1, None, None, "rmsprop", 1e-4, 0.0, None, False, {}),
    # Sec. 4.1, 4.2 and Eq. 17
    "VRE": Printed(
        None,
        15,
        3,
        None,
        None,
        None,
        3e-4,
        0.0,
        None,
        True,
        {"msrvtt": {"kind": "by_number", "train": 6512, "val": 498, "test": 2990}},
    ),
    # Sec. 4, the appendix and Eq. 2
    "dualAFR": Printed(
        32,
        None,
        1,
        GOOGLE_NEWS,
        None,
        "adam",
        2e-4,
        0.0,
        5.0,
        True,
        {"msrvtt": {"kind": "held_out", "test": 1000}},
    ),
    "VATEX-2019": Printed(
        None, None, None, None, None, None, None, 0.0, None, False, {}
    ),
}
# STaTS, Sec. 3.4 and 4.1; VRE, Sec. 4.2.
EPOCHS = {
    "stats": {"cross_entropy": 10, "reinforce": 10},
    "vre": {"first_step": 5},
}


@pytest.fixture(params=registry.PRESETS)
def preset(request) -> Preset:
    return registry.PRESETS[request.param]


def test_a_batch_is_of_pairs(preset):
    printed = PAPERS[preset.paper]
    assert preset.run.batch.kind == "pairs"
    assert preset.run.batch.size == (printed.pairs or 32)


def test_words_and_search_are_the_papers(preset):
    printed, run = PAPERS[preset.paper], preset.run
    for found, said in (
        (run.max_words, printed.max_words),
        (run.min_count, printed.min_count),
        (run.search.width, printed.beam),
    ):
        assert said is None or found == said
    assert run.word_vectors == printed.word_vectors


def test_word_vectors_have_the_length_of_the_models_embeddings(preset):
    if preset.run.word_vectors == GOOGLE_NEWS:
        assert preset.model.decoder.embedding == 300


def test_splits_are_the_papers(preset):
    splits = {name: rule.to_dict() for name, rule in preset.run.splits.items()}
    expected = PAPERS[preset.paper].splits
    assert set(splits) == set(expected)
    for name, said in expected.items():
        assert {key: splits[name][key] for key in said} == said


def test_updates_are_the_papers(preset):
    printed = PAPERS[preset.paper]
    for stage in preset.plan.stages:
        assert stage.clip_norm == printed.clip_norm
        assert stage.l2 == printed.l2
        if printed.optimizer:
            assert stage.optimizer.kind == printed.optimizer
        if printed.rate:
            assert stage.learning_rate.to_dict() == {
                "kind": "constant",
                "rate": printed.rate,
            }


def test_a_loss_is_a_sum_or_a_mean_as_the_paper_writes_it(preset):
    said = "caption_sum" if PAPERS[preset.paper].sums else "word_mean"
    found = set()
    for stage in preset.plan.stages:
        objective = stage.objective
        if isinstance(objective, FirstPassCrossEntropy):
            objective = objective.cross_entropy
        if isinstance(objective, CrossEntropy):
            found.add(objective.reduction.kind)
    sums_by_definition = {MultiSample}
    if not found:
        assert {type(stage.objective) for stage in preset.plan.stages} == (
            sums_by_definition
        )
    assert found <= {said}


@pytest.mark.parametrize("name", EPOCHS)
def test_stages_that_a_paper_counts_have_as_many_epochs(name):
    epochs = {stage.name: stage.epochs for stage in registry.get(name).plan.stages}
    assert {stage: epochs[stage] for stage in EPOCHS[name]} == EPOCHS[name]
