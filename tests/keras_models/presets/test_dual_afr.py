"""dualAFR's models as wholes."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.generation import BeamSearch
from keras_models.generation.ensemble_step import ensemble
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.presets import registry
from keras_models.presets.compact import Budget, compact
from tests.support import tiny


def test_an_ensemble_of_a_rows_models_writes_captions():
    members = [tiny.captioner("dual_afr_hard", seed) for seed in range(2)]
    video = tiny.batch(members[0].spec).video
    step = ensemble([member.step for member in members])
    state, memory = zip(*[m.start(m.encode(video)) for m in members], strict=True)
    found = BeamSearch().search(step, state, memory, members[0].max_words)
    assert found.tokens.shape[0] == 2
    assert {"level", "level_2"} <= set(found.weights)
    tokens = tf.fill([2], 1)
    mixed = step(tokens, state, memory).log_probs
    alone = [
        np.exp(m.step(tokens, s, e).log_probs)
        for m, s, e in zip(members, state, memory, strict=True)
    ]
    np.testing.assert_allclose(np.exp(mixed), np.mean(alone, axis=0), rtol=1e-5)


@pytest.mark.slow
def test_training_hard_attention_raises_the_bound():
    model = tiny.captioner("dual_afr_hard")
    clips = tiny.batch(model.spec)
    context = ObjectiveContext(tiny.VOCABULARY, {}, tiny.MAX_WORDS, StepCounters())
    objective = registry.get("dual_afr_hard").plan.stages[0].objective.build(context)
    optimizer = tf.keras.optimizers.legacy.Adam(0.02)
    weights = model.trainable_variables

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = objective(model, clips).loss
        gradients = tape.gradient(loss, weights)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return loss

    losses = [float(step()) for _ in range(60)]
    assert np.all(np.isfinite(losses))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_choices_that_are_worth_the_same_teach_nothing_whatever_dropout_drops():
    model = tiny.captioner("dual_afr_hard", decoder={"dropout": 0.5})
    model.decoder.from_video.kernel.assign(
        tf.zeros_like(model.decoder.from_video.kernel)
    )
    context = ObjectiveContext(tiny.VOCABULARY, {}, tiny.MAX_WORDS, StepCounters())
    objective = registry.get("dual_afr_hard").plan.stages[0].objective.build(context)
    (attention,) = model.decoder.attentions
    with tf.GradientTape() as tape:
        output = objective(model, tiny.batch(model.spec))
    # The bound is the mean only of likelihoods that are all equal.
    np.testing.assert_allclose(
        output.metrics["bound"], output.metrics["cross_entropy"], rtol=1e-5
    )
    for gradient in tape.gradient(output.loss, attention.trainable_weights):
        np.testing.assert_allclose(gradient, 0, atol=1e-5)


def test_each_reading_of_a_caption_has_choices_of_its_own():
    model = tiny.captioner("dual_afr_hard")
    clips = tiny.batch(model.spec)
    same = clips._replace(tokens=tf.repeat(clips.tokens[:, :1], 20, axis=1))
    (context,) = model.teacher_force(same, training=True).contexts
    drawn = context.log_prob.numpy().reshape(2, 20, -1)  # (clip, reading, word)
    assert not np.any(drawn[:, :, 0])  # the first word looks at nothing
    assert np.all(drawn[:, :, 1:] < 0)
    assert len(np.unique(drawn[0, :, 1])) > 1


ROWS = [name for name in registry.PRESETS if name.startswith("dual_afr")]


@pytest.mark.parametrize("name", ROWS)
def test_all_parts_of_a_small_row_begin_with_glorots_weights(name):
    preset = registry.get(name)
    spec = tiny.spec(preset.model)
    adapted, _ = compact(preset, spec, Budget())
    captioner = Captioner(adapted.model, spec, 40, max_words=4).build_from_spec()
    for weight in captioner.trainable_variables:
        if weight.shape.rank > 1 and "lstm" not in weight.name:  # recurrent ones
            *places, inputs, outputs = weight.shape
            limit = np.sqrt(6 / (np.prod(places) * (inputs + outputs)))
            assert 0.5 < np.abs(weight.numpy()).max() / limit <= 1, weight.name
