import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.structs import repeat_batch
from tests.reference import vatex as reference
from tests.support import tiny
from tests.support.cells import CLOSE, att, doubled, shake
from tests.support.layer_contract import check_layer

ROWS = ("vatex_vanilla", "vatex_temporal", "vatex_spatial")


@pytest.fixture(scope="module", params=ROWS)
def model(request):
    config = tiny.shrink(registry.get(request.param).model)
    spec = tiny.spec(config)
    captioner = Captioner(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    captioner.build_from_spec()
    shake(captioner)
    return captioner


@pytest.fixture
def batch(model):
    return tiny.batch(model.spec)


def matrices(decoder):
    def joined(*parts):
        return np.concatenate([part.kernel.numpy() for part in parts]).T

    attention = None
    upper = [decoder.upper_lower]
    for layer in decoder.attentions:
        attention = att(getattr(layer, "look", layer).energy)
        upper = [decoder.upper_video, decoder.upper_lower]
    return {
        "embedding": decoder.embedding.embeddings.numpy().astype(np.float64),
        "lower": (
            joined(decoder.lower_video, decoder.lower_words, decoder.lower_upper),
            decoder.lower.recurrent.kernel.numpy().T,
            decoder.lower_video.bias.numpy(),
        ),
        "attention": attention,
        "upper": (
            joined(*upper),
            decoder.upper.recurrent.kernel.numpy().T,
            decoder.upper_lower.bias.numpy(),
        ),
        "words": (decoder.words.kernel.numpy().T, decoder.words.bias.numpy()),
    }


def attended_items(encoded, clip):
    """What the row's attention may choose from, as one list with its mask."""
    if encoded.grids:
        cells = doubled(encoded.grids[0][clip])
        return cells.reshape(-1, cells.shape[-1]), encoded.grid_masks[0][
            clip
        ].numpy().ravel()
    return doubled(encoded.frames[clip]), encoded.frame_mask[clip].numpy()


def test_steps_equal_the_equations(model, batch):
    encoded = model.encode(batch.video)
    state, memory = model.start(encoded)
    expected = [(np.zeros(6),) * 4 for _ in range(2)]
    for tokens in ([1, 1], [4, 7], [8, 5]):
        output = model.step(tf.constant(tokens), state, memory)
        state = output.state
        for clip in range(2):
            probabilities, expected[clip], alpha = reference.step(
                tokens[clip],
                expected[clip],
                doubled(encoded.summary[clip]),
                *attended_items(encoded, clip),
                matrices(model.decoder),
            )
            np.testing.assert_allclose(
                np.exp(output.log_probs[clip]), probabilities, **CLOSE
            )
            for context in output.contexts:
                weights = context.weights.get("spatial", context.weights["temporal"])
                np.testing.assert_allclose(np.ravel(weights[clip]), alpha, **CLOSE)


def test_teacher_forcing_equals_step_by_step(model, batch):
    forced = tf.function(model.teacher_force)(batch)
    state, memory = repeat_batch(model.start(model.encode(batch.video)), 2)
    tokens = tf.reshape(batch.tokens, [4, -1])
    before = tf.fill([4], 1)
    for time in range(tokens.shape[1]):
        output = model.step(before, state, memory)
        np.testing.assert_allclose(
            forced.log_probs[:, time], output.log_probs, rtol=1e-4, atol=1e-5
        )
        state, before = output.state, tokens[:, time]


def test_contract(model, batch):
    check_layer(
        model.decoder,
        lambda: model.teacher_force(batch, training=True).log_probs,
        shapes=(4, 5, 12),
        config=model.config.decoder,
    )
