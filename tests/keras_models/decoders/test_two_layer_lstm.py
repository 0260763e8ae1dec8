import numpy as np
import pytest
import tensorflow as tf

from keras_models.decoders.two_layer_lstm import TwoLayerLSTMConfig
from keras_models.structs import TrainingBatch, repeat_batch
from tests.keras_models.attention.test_bahdanau import weights_of
from tests.reference import two_layer_lstm as reference
from tests.support import models
from tests.support.layer_contract import check_layer


def matrices(decoder):
    """The decoder's kernels as the reference's matrices."""
    upper = [decoder.upper_lower.kernel.numpy(), decoder.upper_video.kernel.numpy()]
    return {
        "embedding": decoder.embedding.embeddings.numpy(),
        "lower": (
            decoder.lower_words.kernel.numpy().T,
            decoder.lower.recurrent.kernel.numpy().T,
            decoder.lower_words.bias.numpy(),
        ),
        "upper": (
            np.concatenate(upper).T,
            decoder.upper.recurrent.kernel.numpy().T,
            decoder.upper_lower.bias.numpy(),
        ),
        "attention": weights_of(decoder.attentions[0]),
        "words": (decoder.words.kernel.numpy().T, decoder.words.bias.numpy()),
    }


def test_steps_equal_the_equations():
    model = models.captioner()
    encoded = model.encode(models.video())
    state, memory = model.start(encoded)
    expected = [(np.zeros(8),) * 4 for _ in range(3)]
    for tokens in ([1, 1, 1], [4, 7, 2], [8, 5, 0]):
        output = model.step(tf.constant(tokens), state, memory)
        state = output.state
        for clip in range(3):
            probabilities, expected[clip], beta = reference.step(
                tokens[clip],
                expected[clip],
                encoded.frames[clip].numpy().astype(np.float64),
                encoded.frame_mask[clip].numpy(),
                matrices(model.decoder),
            )
            close = {"rtol": 1e-5, "atol": 1e-6}
            np.testing.assert_allclose(
                np.exp(output.log_probs[clip]), probabilities, **close
            )
            (context,) = output.contexts
            np.testing.assert_allclose(context.weights["temporal"][clip], beta, **close)


@pytest.mark.parametrize("name", ["mgsa", "mgsa_audio"])
def test_teacher_forcing_equals_step_by_step(name):
    model = models.captioner(name)
    batch = models.batch()
    forced = tf.function(model.teacher_force)(batch)
    state, memory = repeat_batch(model.start(model.encode(batch.video)), 2)
    tokens = tf.reshape(batch.tokens, [6, -1])
    before = tf.fill([6], 1)
    for time in range(tokens.shape[1]):
        output = model.step(before, state, memory)
        np.testing.assert_allclose(
            forced.log_probs[:, time], output.log_probs, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            forced.contexts[0].weights["temporal"][:, time],
            output.contexts[0].weights["temporal"],
            rtol=1e-4,
            atol=1e-5,
        )
        state, before = output.state, tokens[:, time]


def test_log_probs_are_of_a_distribution():
    forced = models.captioner().teacher_force(models.batch(), training=True)
    total = tf.reduce_logsumexp(forced.log_probs, axis=-1)
    np.testing.assert_allclose(total, np.zeros_like(total), atol=1e-5)


def test_clip_vectors_reach_the_words():
    model = models.captioner("mgsa_audio")
    quiet, loud = models.batch(), models.batch()
    loud.video.features["log_mel"] += tf.constant(3, tf.float16)
    first, second = (model.teacher_force(b).log_probs for b in (quiet, loud))
    assert not np.allclose(first[0], second[0])
    assert np.array_equal(first[4:], second[4:])  # the clip without sound


def test_contract():
    model = models.captioner()
    batch = models.batch()
    shapes = model.teacher_force(batch)._asdict()
    check_layer(
        model.decoder,
        lambda: model.teacher_force(batch, training=True).log_probs,
        shapes=tuple(shapes["log_probs"].shape),
        config=model.config.decoder,
    )


def test_gradients_through_the_loop_equal_finite_differences():
    model = models.captioner()
    batch = models.batch(lengths=(3, 2), captions=1)
    weights = [
        model.decoder.lower.recurrent.kernel,
        model.decoder.attentions[0].energy.key.kernel,
        model.encoder.recurrence.recurrent_kernel,
    ]

    @tf.function
    def loss():
        return tf.reduce_sum(model.teacher_force(batch).log_probs[..., 4])

    @tf.function
    def slopes():
        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, weights)

    for weight, slope in zip(weights, slopes(), strict=True):
        direction = tf.random.stateless_normal(weight.shape, [1, 2])
        expected = tf.reduce_sum(slope * direction)
        epsilon = 1e-2
        weight.assign_add(epsilon * direction)
        above = loss()
        weight.assign_sub(2 * epsilon * direction)
        below = loss()
        weight.assign_add(epsilon * direction)
        np.testing.assert_allclose(
            (above - below) / (2 * epsilon), expected, rtol=2e-2, atol=2e-2
        )


def test_dropout_acts_in_training_only_and_anew_at_each_word():
    model = models.captioner()
    batch = models.batch()
    same = TrainingBatch(batch.video, tf.fill([3, 2, 6], 4))
    first, second = (model.teacher_force(same).log_probs for _ in range(2))
    assert np.array_equal(first, second)
    first, second = (model.teacher_force(same, training=True) for _ in range(2))
    assert not np.allclose(first.log_probs, second.log_probs)


def test_paper_sizes_are_the_defaults():
    config = TwoLayerLSTMConfig()
    assert (config.units, config.embedding, config.dropout) == (1024, 512, 0.5)
