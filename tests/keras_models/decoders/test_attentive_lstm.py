import numpy as np
import tensorflow as tf

from tests.keras_models.attention.test_multiplicative import weights_of
from tests.keras_models.encoders.test_vre import affine
from tests.reference.additive_attention import softmax
from tests.reference.lstm import lstm
from tests.reference.multiplicative_attention import multiplicative_attention
from tests.support import tiny, vre_models
from tests.support.table_captioner import word_log_probs

CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def test_steps_of_the_model_without_an_encoder_equal_the_equations():
    model = vre_models.captioner("vre_attention")
    decoder = model.decoder
    encoded = model.encode(vre_models.video())
    state, memory = model.start(encoded)
    kernels = [d.kernel.numpy() for d in (decoder.from_video, decoder.from_words)]
    w, b = np.concatenate(kernels).T, decoder.from_words.bias.numpy()
    u = decoder.lstm.recurrent.kernel.numpy().T
    w_o, b_o = affine(decoder.words)
    embedding = decoder.embedding.embeddings.numpy()
    expected = [(np.zeros(vre_models.UNITS),) * 2 for _ in vre_models.LENGTHS]
    for tokens in ([1, 1, 1, 1], [4, 7, 2, 9]):
        output = model.step(tf.constant(tokens), state, memory)
        state = output.state
        for clip, length in enumerate(vre_models.LENGTHS):
            h, c = expected[clip]
            items = encoded.frames[clip, :length], encoded.grids[0][clip, 0]
            attended = [
                multiplicative_attention(h, item.numpy(), *weights_of(attention))[0]
                for item, attention in zip(items, decoder.attentions, strict=True)
            ]
            x = np.concatenate([*attended, embedding[tokens[clip]]])
            h, c = expected[clip] = lstm(x, h, c, w, u, b)
            found = np.exp(output.log_probs[clip])
            np.testing.assert_allclose(found, softmax(w_o @ h + b_o), **CLOSE)


def test_words_have_the_scores_of_the_whole_distribution_and_padding_has_none():
    model = tiny.captioner("vre_soft_att")
    batch = tiny.batch(model.spec)
    forced = model.teacher_force(batch)
    tokens = tf.reshape(batch.tokens, [-1, batch.tokens.shape[2]])
    expected = word_log_probs(forced.log_probs, tokens)
    assert (tokens.numpy() == 0).any()
    for found, whole in zip(forced.words, expected, strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)


def test_captions_that_are_all_padding_have_no_score_and_no_gradient():
    model = tiny.captioner("vre_soft_att")
    batch = tiny.batch(model.spec)
    silent = batch._replace(tokens=tf.zeros_like(batch.tokens))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model.teacher_force(silent).words.given)
    gradients = tape.gradient(total, model.decoder.words.trainable_weights)
    assert total == 0
    assert not any(np.any(gradient) for gradient in gradients)
