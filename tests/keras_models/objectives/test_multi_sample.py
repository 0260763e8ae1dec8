import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.multi_sample import (
    MultiSample,
    leave_one_out,
    multi_sample_bound,
)
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.structs import Context, TeacherForced, TrainingBatch, VideoBatch
from tests.reference import dual_afr as reference
from tests.support.table_captioner import TableCaptioner, word_log_probs
from transform.common.config import ConfigError
from transform.records.vocabulary import Vocabulary

CHOICES = 4  # what m may be, in a model of one caption
THETA = tf.constant([0.3, -0.8, 0.9, 0.1])  # logits of m
PHI = tf.constant([-2.0, 0.5, -0.3, 1.4])  # p(Y | m) = σ(φ_m)


def estimates(samples, estimate):
    """(N, K) choices m → (N, 2 · CHOICES): each row's gradient by `estimate`."""
    rows = len(samples)
    theta, phi = tf.repeat([THETA], rows, axis=0), tf.repeat([PHI], rows, axis=0)
    with tf.GradientTape() as tape:
        tape.watch([theta, phi])
        log_prob = tf.gather(tf.nn.log_softmax(theta), samples, batch_dims=1)
        likelihood = tf.math.log_sigmoid(tf.gather(phi, samples, batch_dims=1))
        total = tf.reduce_sum(estimate(likelihood, log_prob))
    return np.concatenate(tape.gradient(total, [theta, phi]), axis=1)


def plain(likelihood, log_prob):
    """Eq. 13: L(m^{1:K}) itself is every sample's learning signal."""
    count = likelihood.shape[1]
    value = tf.reduce_logsumexp(likelihood, axis=1, keepdims=True) - np.log(count)
    return value[:, 0] + tf.reduce_sum(tf.stop_gradient(value) * log_prob, axis=1)


def exact(count):
    """L_K and its gradient from all CHOICES^K outcomes; their probabilities."""
    outcomes = np.array(list(itertools.product(range(CHOICES), repeat=count)))
    with tf.GradientTape() as tape:
        tape.watch([THETA, PHI])
        p = tf.reduce_prod(tf.gather(tf.nn.softmax(THETA), outcomes), axis=1)
        likelihood = tf.sigmoid(tf.gather(PHI, outcomes))
        value = tf.reduce_sum(p * tf.math.log(tf.reduce_mean(likelihood, axis=1)))
    gradient = tape.gradient(value, [THETA, PHI])
    gradient = np.concatenate([tf.convert_to_tensor(part) for part in gradient])
    return float(value), gradient, outcomes, p.numpy()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_expected_gradient_is_that_of_the_bound(count):
    _, gradient, outcomes, p = exact(count)
    found = p @ estimates(outcomes, multi_sample_bound)
    np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-6)


def test_sampled_gradient_is_within_five_standard_errors_and_varies_less_than_plain():
    value, gradient, _, _ = exact(3)
    draws = 20_000
    samples = tf.random.stateless_categorical([THETA], 3 * draws, [1, 2])
    samples = tf.reshape(samples, [draws, 3]).numpy()
    found, rough = estimates(samples, multi_sample_bound), estimates(samples, plain)
    for each in (found, rough):
        error = each.std(axis=0) / np.sqrt(draws)
        assert np.all(np.abs(each.mean(axis=0) - gradient) <= 5 * error + 1e-6)
        assert np.abs(gradient).max() > 10 * error.max()  # the comparison says much
    of_choices = slice(0, CHOICES)  # the other half has no choice of estimate
    ours = found[:, of_choices].var(axis=0).sum()
    theirs = rough[:, of_choices].var(axis=0).sum()
    assert ours < theirs / 2

    likelihood = np.log(1 / (1 + np.exp(-PHI.numpy())))[samples].astype(np.float32)
    values = multi_sample_bound(
        tf.constant(likelihood), tf.zeros(samples.shape)
    ).numpy()
    assert abs(values.mean() - value) <= 5 * values.std() / np.sqrt(draws)


def test_the_bound_tightens_with_more_samples():
    p = tf.nn.softmax(THETA).numpy()
    truth = np.log(p @ (1 / (1 + np.exp(-PHI.numpy()))))
    values = [exact(count)[0] for count in (2, 3, 4)]
    assert values == sorted(values) and values[-1] < truth


def test_value_and_gradient_equal_the_equations():
    likelihood = tf.math.log(tf.random.stateless_uniform([5, 4], [1, 2], 0.01, 1))
    log_prob = tf.random.stateless_normal([5, 4], [3, 4])
    with tf.GradientTape() as tape:
        tape.watch([likelihood, log_prob])
        value = multi_sample_bound(likelihood, log_prob)
    omega, signal = tape.gradient(value, [likelihood, log_prob])
    for row in range(5):
        expected = reference.multi_sample(np.exp(likelihood[row].numpy(), dtype=float))
        for found, wanted in zip(
            (value[row], signal[row], omega[row]), expected, strict=True
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_likelihoods_below_what_floats_hold_are_told_apart():
    likelihood = tf.constant([[-800.0, -803.0, -801.0]])  # exp of each is 0
    log_prob = tf.zeros_like(likelihood)
    with tf.GradientTape() as tape:
        tape.watch([likelihood, log_prob])
        value = multi_sample_bound(likelihood, log_prob)
    omega, signal = tape.gradient(value, [likelihood, log_prob])
    expected = reference.multi_sample(np.exp([0.0, -3.0, -1.0]))
    np.testing.assert_allclose(value, [expected[0] - 800], rtol=1e-6)
    np.testing.assert_allclose(signal[0], expected[1], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(omega[0], expected[2], rtol=1e-3)


def test_samples_that_are_alike_have_no_signal():
    likelihood = tf.fill([1, 5], -7.0)
    np.testing.assert_allclose(leave_one_out(likelihood), likelihood, rtol=1e-6)


class ChoosingCaptioner(TableCaptioner):
    """Every row of a caption takes one of two tables of words, a fixed one in turn."""

    def teacher_force_encoded(self, encoded, tokens, training, captions):
        assert training
        assert captions.numpy().tolist() == [[0] * 3 + [1] * 3, [2] * 3 + [3] * 3]
        forced = super().teacher_force_encoded(encoded, tokens)
        rows, length = forced.log_probs.shape[:2]
        place = tf.cast(tf.range(length)[tf.newaxis], tf.float32)
        row = tf.cast(tf.range(rows)[:, tf.newaxis], tf.float32)
        log_prob = -0.1 * (row + 1) * (place + 1)
        shifted = forced.log_probs - 0.01 * row[..., tf.newaxis]
        context = Context(tf.zeros([rows, length, 1]), {}, log_prob, {})
        words = word_log_probs(shifted, tf.reshape(tokens, [rows, length]))
        return TeacherForced(words, shifted, (context,), encoded)


def test_loss_adds_up_words_and_choices_and_leaves_padding_out():
    captioner = ChoosingCaptioner(clips=2, max_words=2, size=7)
    tokens = tf.constant([[[4, 5, 2], [6, 2, 0]], [[2, 0, 0], [5, 5, 2]]])
    clips = tf.constant([[0], [1]])
    masks = {"clip": tf.ones([2, 1], tf.bool)}
    video = VideoBatch(tf.constant(["0", "1"]), {"clip": clips}, masks)
    context = ObjectiveContext(Vocabulary(["a", "b", "c"]), {}, 2, StepCounters())
    objective = MultiSample(samples=3).build(context)
    with tf.GradientTape() as tape:
        output = objective(captioner, TrainingBatch(video, tokens))
    assert np.any(tf.convert_to_tensor(tape.gradient(output.loss, captioner.table)))

    encoded = captioner.encode(video)
    forced = TableCaptioner.teacher_force_encoded(captioner, encoded, tokens)
    total, plain_total = 0.0, 0.0
    for caption in range(4):
        words = tokens.numpy().reshape(4, 3)[caption]
        there = words != 0
        said = forced.log_probs[caption].numpy()[range(3), words]
        likelihood = [
            (said - 0.01 * row)[there].sum()
            for row in range(3 * caption, 3 * caption + 3)
        ]
        total += reference.multi_sample(np.exp(likelihood))[0]
        plain_total += np.mean(likelihood)
    assert float(output.loss) == pytest.approx(-total / 4, rel=1e-5)
    found = float(output.metrics["cross_entropy"])
    assert found == pytest.approx(-plain_total / (3 + 2 + 1 + 3), rel=1e-5)


def test_one_sample_is_refused():
    with pytest.raises(ConfigError):
        MultiSample.from_dict({"samples": 1})
