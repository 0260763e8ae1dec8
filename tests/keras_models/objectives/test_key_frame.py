import math

import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.vre import Phase
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.frozen_key_frames import FrozenKeyFrames
from keras_models.objectives.key_frame import KeyFrame, keyframe_loss
from keras_models.objectives.scheduled_sampling import ConstantSampling
from keras_models.objectives.two_pass import sentence_log_probs, two_passes
from tests.support import models, vre_models
from tests.support.table_captioner import word_log_probs
from transform.common.config import ConfigError

CONTEXT = vre_models.context(vre_models.batch(vre_models.video()))
MASK = tf.constant([[True, True, True, False]])


def loss_and_gradient(change, energies, keyframe=0, mask=MASK):
    """L_R+ of one clip, and its gradient in the energies."""
    energies = tf.constant([energies], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(energies)
        masked = tf.where(mask, energies, energies.dtype.min)
        log_prob = tf.where(mask, tf.nn.log_softmax(masked), 0.0)
        ((loss,),) = keyframe_loss(
            tf.constant([[change]]), tf.constant([keyframe]), log_prob, mask
        )
    return loss.numpy(), tape.gradient(loss, energies).numpy()[0]


@pytest.mark.parametrize("change", [0.5, -0.25, 0.0])
def test_the_loss_is_that_of_equation_21_as_the_text_reads(change):
    energies = [0.3, -0.2, 0.9, 5.0]
    alpha = math.exp(0.3) / sum(math.exp(a) for a in energies[:3])
    expected = -abs(change) * (math.log(alpha) if change > 0 else math.log(1 - alpha))
    found, _ = loss_and_gradient(change, energies)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("energy", [-30.0, -8.0, 0.0, 8.0, 30.0])
def test_a_rising_reward_raises_the_key_frame_and_a_falling_one_lowers_it(energy):
    # α from 1e−13 to 1 − 1e−13. A step goes against the gradient.
    alpha = 1 / (1 + 2 * math.exp(-energy))
    for change in (0.5, -0.5):
        loss, gradient = loss_and_gradient(change, [energy, 0.0, 0.0, 0.0])
        share = alpha - 1 if change > 0 else alpha
        assert np.isfinite(loss)
        np.testing.assert_allclose(gradient[0], 0.5 * share, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(gradient[1:3], -0.25 * share, rtol=1e-4, atol=1e-6)
        assert gradient[3] == 0


@pytest.mark.parametrize("change", [0.5, -0.5])
@pytest.mark.parametrize("frames", [0, 1])
def test_a_clip_without_a_choice_has_no_loss(change, frames):
    mask = tf.constant([np.arange(4) < frames])
    loss, gradient = loss_and_gradient(change, [2.0, 1.0, 0.0, 3.0], mask=mask)
    if frames:
        assert loss == 0
    assert np.all(np.isfinite(gradient)) and not np.any(gradient)


def test_a_sentences_words_add_up_and_padding_is_none_of_them():
    log_probs = tf.math.log_softmax(tf.random.stateless_normal([4, 3, 9], [1, 2]))
    tokens = tf.constant([[[4, 2, 0], [5, 6, 2]], [[0, 0, 0], [7, 2, 0]]])
    p = log_probs.numpy()
    expected = [
        [p[0, 0, 4] + p[0, 1, 2], p[1, 0, 5] + p[1, 1, 6] + p[1, 2, 2]],
        [0, p[3, 0, 7] + p[3, 1, 2]],
    ]
    words = word_log_probs(log_probs, tf.reshape(tokens, [4, 3]))
    found = sentence_log_probs(words.given, tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_the_same_summary_twice_is_worth_nothing(probability):
    model = vre_models.captioner(dropout=0.5)
    model.encoder.set_training_phase("first_pass")  # where o2 is o1
    batch = vre_models.batch(vre_models.video())
    rule = ConstantSampling(probability=probability)
    passes = two_passes(model, batch, rule, tf.constant(0))
    np.testing.assert_allclose(passes.reward, np.zeros([4, 2]), atol=1e-5)
    model.encoder.set_training_phase("learned")
    passes = two_passes(model, batch, rule, tf.constant(0))
    assert np.all(np.abs(passes.reward[:3]) > 1e-3)


@pytest.fixture
def model():
    return vre_models.captioner()


@pytest.fixture
def batch():
    return vre_models.batch(vre_models.video())


def key_log_probs(model, batch):
    aux = model.encode(batch.video).aux
    return tf.gather(aux["keyframe_log_prob"], aux["keyframe"], batch_dims=1)


def test_the_joint_loss_adds_up_its_parts(model, batch):
    objective = KeyFrame(weight=0.5).build(CONTEXT)
    objective.on_stage_begin(model)
    encoded = model.encode(batch.video)
    first = encoded._replace(summary=encoded.aux["step1_summary"])
    words = batch.tokens.numpy().reshape(8, -1)
    sums = []  # of each sentence, after o1 and after o2
    for summarised in (first, encoded):
        log_probs = model.teacher_force_encoded(summarised, batch.tokens).log_probs
        sums.append(
            [
                sum(row[place, word] for place, word in enumerate(caption) if word)
                for row, caption in zip(log_probs.numpy(), words, strict=True)
            ]
        )
    losses = -np.mean(sums, axis=1)
    reward = np.subtract(sums[1], sums[0]).reshape(4, 2)

    output = objective(model, batch)
    assert output.loss.numpy() == pytest.approx(sum(losses), rel=1e-5)
    assert output.metrics["keyframe_loss"].numpy() == 0  # no epoch before
    rewards = objective.memory.rewards
    np.testing.assert_allclose(rewards, reward.reshape(-1), rtol=1e-4, atol=1e-5)

    change = np.array([[0.5, 1], [-0.25, 0.5], [0, -0.5], [0.75, -0.75]], np.float32)
    rewards.assign((reward - change).reshape(-1))
    log_alpha = key_log_probs(model, batch).numpy().astype(np.float64)[:, np.newaxis]
    terms = np.where(change > 0, log_alpha, np.log1p(-np.exp(log_alpha) + 1e-12))
    terms[3] = 0  # a single frame
    output = objective(model, batch)
    expected = np.mean(-np.abs(change) * terms)
    found = output.metrics["keyframe_loss"].numpy()
    assert found == pytest.approx(expected, rel=1e-3)
    assert output.loss.numpy() == pytest.approx(sum(losses) + 0.5 * expected, rel=1e-4)


@pytest.mark.parametrize("falls", [False, True])
def test_training_moves_the_key_frames_with_their_rewards(model, batch, falls):
    objective = KeyFrame(weight=1e3).build(CONTEXT)
    objective.on_stage_begin(model)
    objective(model, batch)
    objective.memory.rewards.assign_add(tf.fill([8], 0.5 if falls else -0.5))
    energy = model.encoder.refocus.energy.trainable_weights
    before = key_log_probs(model, batch).numpy()
    keys = model.encode(batch.video).aux["keyframe"]
    with tf.GradientTape() as tape:
        loss = objective(model, batch).loss
    for weight, gradient in zip(energy, tape.gradient(loss, energy), strict=True):
        assert np.any(gradient) and np.all(np.isfinite(gradient))
        weight.assign_sub(1e-6 * gradient)
    log_prob = model.encode(batch.video).aux["keyframe_log_prob"]
    after = tf.gather(log_prob, keys, batch_dims=1).numpy()
    moved = np.mean(after - before)
    assert moved < 0 if falls else moved > 0


def test_rewards_carry_no_gradient(model, batch):
    objective = KeyFrame(weight=1.0).build(CONTEXT)
    objective.on_stage_begin(model)
    with tf.GradientTape() as tape:
        output = objective(model, batch)
        reward = output.metrics["keyframe_reward"]
    weights = model.trainable_weights
    assert all(gradient is None for gradient in tape.gradient(reward, weights))


def test_the_rewards_of_an_objective_survive_a_restart(model, batch, tmp_path):
    objective = KeyFrame().build(CONTEXT)
    objective(model, batch)
    path = tf.train.Checkpoint(objective=objective).save(str(tmp_path / "state"))
    restored = KeyFrame().build(CONTEXT)
    status = tf.train.Checkpoint(objective=restored).read(path)
    status.assert_existing_objects_matched()
    np.testing.assert_array_equal(restored.memory.rewards, objective.memory.rewards)
    assert np.all(np.isfinite(restored.memory.rewards))


def test_rewards_are_forgotten_when_training_goes_back(model, batch):
    objective = KeyFrame().build(CONTEXT)
    objective(model, batch)
    objective.on_stage_begin(model)
    assert np.all(np.isnan(objective.memory.rewards))


def test_the_first_stage_trains_what_reads_a_clip_once(model, batch):
    objective = FirstPassCrossEntropy().build(CONTEXT)
    objective.on_stage_begin(model)
    assert model.encoder.phase is Phase.FIRST_PASS
    with tf.GradientTape() as tape:
        loss = objective(model, batch).loss
    reached = {
        weight.name
        for weight, gradient in zip(
            model.trainable_weights,
            tape.gradient(
                loss,
                model.trainable_weights,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            ),
            strict=True,
        )
        if np.any(tf.convert_to_tensor(gradient))
    }
    second_step = (model.encoder.merge, model.encoder.refocus.energy)
    unreached = {w.name for layer in second_step for w in layer.trainable_weights}
    assert reached == {w.name for w in model.trainable_weights} - unreached


def test_the_last_stage_learns_captions_of_key_frames_that_stay(model, batch):
    objective = FrozenKeyFrames().build(CONTEXT)
    best = model.encode(batch.video)
    objective.on_stage_begin(model)
    with tf.GradientTape() as tape:
        output = objective(model, batch)
    losses = output.metrics["cross_entropy"] + output.metrics["step1_cross_entropy"]
    words = np.mean(np.sum(batch.tokens.numpy() != 0, axis=2))  # of a caption
    assert output.loss.numpy() == pytest.approx(losses.numpy() * words)
    weights = model.trainable_weights
    for weight, gradient in zip(
        weights, tape.gradient(output.loss, weights), strict=True
    ):
        if gradient is not None:
            weight.assign_sub(0.5 * tf.convert_to_tensor(gradient))
    now = model.encode(batch.video)
    np.testing.assert_array_equal(now.aux["keyframe"], best.aux["keyframe"])
    np.testing.assert_array_equal(now.weights["keyframe"], best.weights["keyframe"])
    assert not np.allclose(now.summary, best.summary)


@pytest.mark.parametrize(
    "config", [FirstPassCrossEntropy(), KeyFrame(), FrozenKeyFrames()]
)
def test_a_model_without_key_frames_is_refused(config):
    objective = config.build(CONTEXT)
    with pytest.raises(ConfigError, match=r"training phase.* has no training phases"):
        objective.on_stage_begin(models.captioner())
