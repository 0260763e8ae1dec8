import numpy as np
import pytest
import tensorflow as tf

from keras_models.decoders.first_word_lstm import FirstWordLSTMConfig
from keras_models.structs import TrainingBatch, repeat_batch
from tests.reference import dual_afr as reference
from tests.support import tiny
from tests.support.cells import att
from tests.support.layer_contract import check_layer
from transform.records.vocabulary import BOS

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
ROWS = ["dual_afr_soft", "dual_afr_hard", "dual_afr_pool3", "dual_afr_fc7"]


def matrices(decoder):
    inputs = [decoder.from_words.kernel.numpy(), decoder.from_video.kernel.numpy()]
    return {
        "embedding": decoder.embedding.embeddings.numpy(),
        "lstm": (
            np.concatenate(inputs).T,
            decoder.lstm.recurrent.kernel.numpy().T,
            decoder.from_words.bias.numpy(),
        ),
        "words": (decoder.words.kernel.numpy().T, decoder.words.bias.numpy()),
    }


@pytest.mark.parametrize(("name", "pick"), [(ROWS[0], None), (ROWS[1], np.argmax)])
def test_steps_equal_the_equations(name, pick):
    model = tiny.captioner(name)
    decoder, (attention,) = model.decoder, model.decoder.attentions
    encoded = model.encode(tiny.batch(model.spec).video)
    state, memory = model.start(encoded)
    weights = matrices(decoder)
    first = decoder.first.kernel.numpy().T, decoder.first.bias.numpy()
    expected = [reference.first_state(a, *first) for a in encoded.summary.numpy()]
    for tokens in ([BOS, BOS], [4, 7], [8, 5]):
        output = model.step(tf.constant(tokens), state, memory)
        state = output.state
        (context,) = output.contexts
        for clip, token in enumerate(tokens):
            if token == BOS:
                h, _ = expected[clip]
                w, b = weights["words"]
                logits = w @ h + b
                probabilities = np.exp(logits) / np.exp(logits).sum()
                assert not any(np.any(leaf) for leaf in tf.nest.flatten(context))
            else:
                there = encoded.grid_masks[0][clip].numpy()
                levels = np.stack([g[clip].numpy()[there] for g in encoded.grids], 1)
                z, alpha, beta, log_prob = reference.attend(
                    expected[clip][0],
                    levels,
                    att(attention.energy),
                    att(attention.level_energy),
                    pick,
                )
                probabilities, expected[clip] = reference.step(
                    token, expected[clip], z, weights
                )
                found = context.weights["spatial"][clip].numpy()[there]
                np.testing.assert_allclose(found, alpha, **CLOSE)
                np.testing.assert_allclose(
                    context.weights["level"][clip], beta, **CLOSE
                )
                np.testing.assert_allclose(context.log_prob[clip], log_prob, **CLOSE)
            np.testing.assert_allclose(
                np.exp(output.log_probs[clip]), probabilities, **CLOSE
            )


@pytest.mark.parametrize("name", ROWS)
def test_teacher_forcing_equals_step_by_step(name):
    model = tiny.captioner(name)
    clips = tiny.batch(model.spec)
    forced = tf.function(model.teacher_force)(clips)
    state, memory = repeat_batch(model.start(model.encode(clips.video)), 2)
    tokens = tf.reshape(clips.tokens, [4, -1])
    before = tf.fill([4], BOS)
    for time in range(tokens.shape[1]):
        output = model.step(before, state, memory)
        np.testing.assert_allclose(
            forced.log_probs[:, time], output.log_probs, rtol=1e-4, atol=1e-5
        )
        state, before = output.state, tokens[:, time]


def test_the_first_word_is_told_from_the_clips_own_feature_alone():
    model = tiny.captioner("dual_afr_soft")
    clips = tiny.batch(model.spec)
    features = {
        name: values if name == "c3d_fc7" else values + 1
        for name, values in clips.video.features.items()
    }
    other = TrainingBatch(clips.video._replace(features=features), clips.tokens)
    first, second = (model.teacher_force(b).log_probs for b in (clips, other))
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert not np.allclose(first[:, 1], second[:, 1], atol=1e-3)


def test_weights_begin_as_the_paper_says():
    model = tiny.captioner("dual_afr_soft", shaken=False)
    for weight in model.trainable_weights:
        values = weight.numpy()
        if "recurrent" in weight.name:
            product = values @ values.T
            np.testing.assert_allclose(product, np.eye(len(values)), atol=1e-5)
        elif "bias" in weight.name:
            assert not np.any(values), weight.name
        else:
            assert 0 < np.abs(values).max() <= 0.01, weight.name


def test_a_wider_start_may_be_given():
    changes = {"decoder": {"initial_range": 0.05}}
    model = tiny.captioner("dual_afr_soft", shaken=False, **changes)
    decoder = model.decoder
    for layer in (decoder.first, decoder.from_words, decoder.from_video, decoder.words):
        assert 0.03 < np.abs(layer.kernel).max() <= 0.05, layer.name
    assert 0.03 < np.abs(decoder.embedding.embeddings).max() <= 0.05


def test_contract():
    model = tiny.captioner("dual_afr_soft")
    clips = tiny.batch(model.spec)
    shape = tuple(model.teacher_force(clips).log_probs.shape)
    check_layer(
        model.decoder,
        lambda: model.teacher_force(clips, training=True).log_probs,
        shapes=shape,
        config=model.config.decoder,
    )


def test_paper_sizes_are_the_defaults():
    config = FirstWordLSTMConfig()
    assert (config.units, config.embedding) == (512, 300)
