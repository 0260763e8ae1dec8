"""What holds for every preset. Models are `tiny` but for their counts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import BeamSearch, Greedy
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.objectives.self_critical import SelfCritical
from keras_models.presets import parameter_counts, registry
from keras_models.presets.paper_features import paper_spec
from keras_models.presets.preset import Preset
from keras_models.structs import TrainingBatch
from keras_models.training.train_step import trained_weights
from tests.support import attention_names, exported, tiny
from tests.support.parameter_counts import PARAMETERS, VOCABULARY
from transform.schema import FeatureSpec

CLOSE = {"rtol": 1e-5, "atol": 1e-6}
BEAM = BeamSearch(width=2, n_best=2)


# Weights without a part in a stage's first step, by the stage's name: VRE's key frames
# are learnt from what changed since the epoch before.
IDLE = {
    "first_step": r"encoder/(merge|refocus/energy)/",
    "joint": r"encoder/refocus/energy/",
    "kept_key_frames": r"encoder/refocus/energy/",
}


class Row(NamedTuple):
    name: str
    config: CaptionerConfig
    spec: FeatureSpec
    captioner: Captioner
    batch: TrainingBatch


@pytest.fixture(scope="module", params=list(registry.PRESETS))
def row(request) -> Row:
    """One of the rows, built; its weights are large enough to tell clips apart."""
    config = tiny.shrink(registry.get(request.param).model)
    spec = tiny.spec(config)
    captioner = tiny.build(config, spec, seed=3)
    return Row(request.param, config, spec, captioner, tiny.batch(spec))


def parts(preset: Preset) -> tuple[str, ...]:
    """Returns the kinds that a preset's model is made of."""
    model = preset.model
    attentions = (attention.kind for attention in model.attentions)
    return (model.encoder.kind, model.decoder.kind, *attentions)


def each_model(kind: Callable[[Preset], object]) -> list:
    """Returns each model once; slow where one of the same kind comes before it."""
    models, kinds, found = [], set(), []
    for name, preset in registry.PRESETS.items():
        if preset.model in models:  # another row's, trained in another way
            continue
        models.append(preset.model)
        known = kind(preset) in kinds
        kinds.add(kind(preset))
        found.append(pytest.param(name, marks=pytest.mark.slow if known else ()))
    return found


EACH_MODEL = pytest.mark.parametrize("row", each_model(parts), indirect=True)
EACH_PAPER = pytest.mark.parametrize(
    "row", each_model(lambda preset: preset.paper), indirect=True
)


def find(row: Row, config: Greedy | BeamSearch):
    encoded = row.captioner.encode(row.batch.video)
    state, memory = row.captioner.start(encoded)
    step = row.captioner.step
    return encoded, config.search(step, state, memory, tiny.MAX_WORDS)


def test_a_gradient_reaches_every_weight_in_every_stage(row):
    references = {"whole": ("a b c", "d"), "short": ("e f", "g h a b")}
    context = ObjectiveContext(
        tiny.VOCABULARY, references, tiny.MAX_WORDS, StepCounters()
    )
    checked = []
    for stage in registry.get(row.name).plan.stages:
        objective = stage.objective
        if isinstance(objective, SelfCritical):
            objective = objective.cross_entropy  # samples and rewards: tests of its own
        if objective in checked:
            continue
        checked.append(objective)
        built = objective.build(context)
        built.on_stage_begin(row.captioner)
        with tf.GradientTape() as tape:
            output = built(row.captioner, row.batch)
        weights = trained_weights(row.captioner, stage)
        gradients = tape.gradient(
            output.loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        for weight, gradient in zip(weights, gradients, strict=True):
            values = tf.convert_to_tensor(gradient).numpy()
            assert np.all(np.isfinite(values)), weight.name
            idle = re.search(IDLE.get(stage.name, "$^"), weight.name)
            assert np.any(values) != bool(idle), weight.name


def test_padding_changes_nothing(row):
    video = row.batch.video
    spoiled = {}
    for name, values in video.features.items():
        there = video.masks[name].numpy()
        values = values.numpy().copy()
        values[~there] = 77
        spoiled[name] = tf.constant(values)
    first = row.captioner.teacher_force(row.batch)
    second = row.captioner.teacher_force(
        TrainingBatch(video._replace(features=spoiled), row.batch.tokens)
    )
    np.testing.assert_array_equal(first.log_probs, second.log_probs)


def test_clips_without_a_modality_have_finite_words_and_gradients(row):
    video = row.batch.video
    for name in row.config.features():
        missing = video._replace(
            masks=video.masks | {name: tf.zeros_like(video.masks[name])}
        )
        with tf.GradientTape() as tape:
            forced = row.captioner.teacher_force(
                TrainingBatch(missing, row.batch.tokens)
            )
            loss = tf.reduce_mean(forced.log_probs)
        assert np.all(np.isfinite(forced.log_probs))
        weights = row.captioner.trainable_variables
        for gradient in tape.gradient(loss, weights):
            if gradient is not None:
                assert np.all(np.isfinite(tf.convert_to_tensor(gradient)))


def test_words_depend_on_the_video(row):
    log_probs = row.captioner.teacher_force(
        row.batch._replace(tokens=tf.fill([2, 1, 3], 4))
    ).log_probs
    assert not np.allclose(log_probs[0], log_probs[1], atol=1e-3)


@EACH_MODEL
def test_a_saved_model_says_the_same(row, tmp_path):
    CaptioningModel(row.captioner, tiny.VOCABULARY).save(tmp_path)
    loaded = CaptioningModel.load(tmp_path)
    assert loaded.captioner.config == row.config
    assert loaded.vocabulary.words == tiny.VOCABULARY.words
    np.testing.assert_array_equal(
        loaded.captioner.teacher_force(row.batch).log_probs,
        row.captioner.teacher_force(row.batch).log_probs,
    )


@EACH_MODEL
def test_words_are_about_as_likely_in_bfloat16(row):
    narrow = row.captioner.with_precision("mixed_bfloat16")
    expected = row.captioner.teacher_force(row.batch).log_probs
    found = narrow.teacher_force(row.batch).log_probs
    assert found.dtype == tf.float32
    apart = np.abs(found - expected)
    assert 0 < np.median(apart) < 0.1
    captions = narrow.caption(row.batch.video, BEAM).captions
    assert np.all(np.isfinite(captions.log_probs))


@EACH_MODEL
def test_searches_find_captions_as_likely_as_teacher_forcing_says(row):
    for config in (Greedy(), BEAM):
        _, found = find(row, config)
        assert np.all(np.max(found.tokens, axis=-1) < len(tiny.VOCABULARY))
        forced = row.captioner.teacher_force(
            TrainingBatch(row.batch.video, found.tokens)
        )
        tokens = tf.reshape(found.tokens, [-1, found.tokens.shape[-1]])
        said = tf.gather(forced.log_probs, tokens, axis=-1, batch_dims=2)
        totals = tf.reduce_sum(tf.where(tokens != 0, said, 0.0), axis=-1)
        np.testing.assert_allclose(
            tf.reshape(totals, found.log_probs.shape), found.log_probs, 1e-4
        )


def test_attention_is_named_and_shaped(row):
    encoded, found = find(row, BEAM)
    words = found.tokens.shape  # (B, K, L)
    shapes = {name: tuple(leaf.shape) for name, leaf in found.weights.items()}
    assert shapes == {
        name: (*words, *shape)
        for name, shape in attention_names.DECODER[row.name].items()
    }
    shapes = {name: tuple(leaf.shape) for name, leaf in encoded.weights.items()}
    assert shapes == {
        name: (2, *shape)
        for name, shape in attention_names.ENCODER.get(row.name, {}).items()
    }
    for weights in (*found.weights.values(), *encoded.weights.values()):
        assert np.all(weights >= 0)
        assert np.all(np.sum(weights, axis=-1) < 1 + 1e-5)


def test_every_weight_says_what_it_is_about(row):
    encoded, found = find(row, BEAM)
    axes = row.captioner.config.weight_axes()
    assert axes.keys() == found.weights.keys() | encoded.weights.keys()
    for name, each in axes.items():
        by_word = "word" in each.axes
        weights = found.weights[name][0, 0] if by_word else encoded.weights[name][0]
        assert each.axes[0] == "word" or not by_word
        assert weights.shape.rank == len(each.axes)
        for axis, length in zip(each.axes, weights.shape, strict=True):
            if axis == "option":
                assert length == len(each.options)
            elif axis != "word":
                feature = row.captioner.spec.tensor(each.source.feature)
                assert length == attended(feature, each.source.ratio)[axis]


def attended(feature, ratio):
    """How many steps and cells become of a feature's, as the last are filled up."""
    sides = feature.step_shape[:-1]  # rows and columns, or regions, or none
    blocks = [math.ceil(side / ratio) for side in sides]
    return {
        "step": math.ceil(feature.max_steps / ratio),
        "cell": math.prod(blocks),
    }


@EACH_PAPER
def test_an_exported_model_says_the_same_with_core_ops_only(row, tmp_path):
    video = row.batch.video
    exported.check(row.captioner, video, BEAM, tmp_path / "model", **CLOSE)


@pytest.fixture
def no_random_values(monkeypatch):
    """Weights of zeros: orthogonal ones of the papers' sizes take seconds."""

    def zeros(self, shape, dtype=tf.float32, **kwargs):
        return tf.zeros(shape, dtype)

    initializers = tf.keras.initializers
    for initializer in (
        initializers.Orthogonal,
        initializers.VarianceScaling,
        initializers.RandomUniform,
    ):
        monkeypatch.setattr(initializer, "__call__", zeros)


@pytest.mark.parametrize("name", registry.PRESETS)
def test_paper_size_has_as_many_parameters_as_counted_by_hand(name, no_random_values):
    config = registry.get(name).model
    captioner = Captioner(config, paper_spec(config), VOCABULARY, max_words=20)
    captioner.build_from_spec()
    weights = captioner.trainable_variables
    assert sum(math.prod(weight.shape) for weight in weights) == PARAMETERS[name]
    assert captioner.count_params() == parameter_counts.stored(name, VOCABULARY)


def test_every_row_has_its_own_description():
    rows = [(preset.paper, preset.row) for preset in registry.PRESETS.values()]
    assert len(set(rows)) == len(rows)
