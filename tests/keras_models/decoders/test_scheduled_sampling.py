import numpy as np
import tensorflow as tf

from keras_models.decoders.scheduled_sampling import TokenSampler
from tests.support import models


def test_never_sampling_is_teacher_forcing():
    changes = {"decoder": {"dropout": 0.0}}
    model = models.captioner(**changes)
    batch = models.batch()
    plain = model.teacher_force(batch, training=True)
    sampled = model.teacher_force(
        batch, training=True, sampling_probability=tf.constant(0.0)
    )
    np.testing.assert_allclose(plain.log_probs, sampled.log_probs, rtol=1e-5, atol=1e-6)


def test_always_sampling_ignores_the_captions():
    model = models.captioner(decoder={"dropout": 0.0})
    # With one word all but certain, what is sampled is known.
    bias = model.decoder.words.bias
    bias.assign(tf.one_hot(6, models.WORDS) * 50)
    batch = models.batch()
    sampled = model.teacher_force(batch, training=True, sampling_probability=1.0)
    certain = batch._replace(tokens=tf.fill(batch.tokens.shape, 6))
    expected = model.teacher_force(certain, training=True)
    np.testing.assert_allclose(
        sampled.log_probs, expected.log_probs, rtol=1e-5, atol=1e-5
    )


def test_what_no_search_writes_is_never_drawn():
    model = models.captioner(decoder={"dropout": 0.0})
    batch = models.batch()
    batch = batch._replace(tokens=tf.where(batch.tokens == 0, 2, batch.tokens))
    bias = model.decoder.words.bias
    # <pad>, <bos> and <unk> are all but certain; what is left is word 6.
    bias.assign([80, 80, 0, 80, 0, 0, 60, 0, 0])
    sampled = model.teacher_force(batch, training=True, sampling_probability=1.0)
    certain = batch._replace(tokens=tf.fill(batch.tokens.shape, 6))
    expected = model.teacher_force(certain, training=True)
    np.testing.assert_allclose(
        sampled.log_probs, expected.log_probs, rtol=1e-5, atol=1e-5
    )


def test_readings_of_one_caption_are_drawn_alike():
    model = models.captioner(decoder={"dropout": 0.5})
    batch = models.batch()
    encoded = model.encode(batch.video)
    tokens = tf.repeat(batch.tokens, 2, axis=1)  # (3, 4, L)

    def read(captions):
        log_probs = model.teacher_force_encoded(
            encoded, tokens, True, sampling_probability=0.5, captions=captions
        ).log_probs
        return np.reshape(log_probs, [6, 2, *log_probs.shape[1:]])

    shared = read(tf.repeat(tf.reshape(tf.range(6), [3, 2]), 2, axis=1))
    np.testing.assert_allclose(shared[:, 0], shared[:, 1], rtol=1e-5, atol=1e-6)
    apart = read(None)
    assert not np.any(np.isclose(apart[:, 0], apart[:, 1]).all(axis=(1, 2)))


def test_gradients_reach_every_weight_in_graph():
    model = models.captioner()
    batch = models.batch()

    @tf.function
    def gradients(probability):
        with tf.GradientTape() as tape:
            forced = model.teacher_force(
                batch, training=True, sampling_probability=probability
            )
            loss = -tf.reduce_mean(forced.log_probs[..., 4])
        return tape.gradient(loss, model.trainable_weights)

    for weight, gradient in zip(
        model.trainable_weights, gradients(tf.constant(0.5)), strict=True
    ):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.all(np.isfinite(gradient)), weight.name
        assert np.any(gradient), weight.name


def test_words_are_replaced_as_often_as_asked_and_drawn_as_distributed():
    sampler = TokenSampler(0.25, tf.random.Generator.from_seed(1))
    rows = 20_000
    sampler.initialize(tf.fill([rows, 2], 3))
    # <pad>, <bos>, <eos>, <unk> and two words
    p = [0.2, 0.1, 0.1, 0.2, 0.1, 0.3]
    log_probs = tf.math.log([p]) + tf.zeros([rows, 1])
    drawn = sampler.sample(tf.constant(0), log_probs, ()).numpy()
    assert set(drawn) == {-1, 2, 4, 5}
    counts = np.array([np.sum(drawn == word) for word in (-1, 2, 4, 5)])
    expected = rows * np.array([0.75, 0.05, 0.05, 0.15])
    # Five standard deviations of a binomial.
    deviation = np.sqrt(expected * (1 - expected / rows))
    assert np.all(np.abs(counts - expected) < 5 * deviation)


def test_a_restored_model_samples_the_same_words(tmp_path):
    model, other = models.captioner(), models.captioner(seed=1)
    batch = models.batch()
    model.teacher_force(batch, training=True, sampling_probability=0.5)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    first, second = (
        m.teacher_force(batch, training=True, sampling_probability=0.5).log_probs
        for m in (model, other)
    )
    assert np.array_equal(first, second)
