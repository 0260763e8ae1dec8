import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.grid_attention import GridAttentionConfig
from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.structs import repeat_batch
from tests.reference import stats as reference
from tests.support import tiny
from tests.support.cells import CLOSE, att, doubled, shake
from tests.support.layer_contract import check_layer


@pytest.fixture(scope="module")
def model():
    """Two streams and a clip vector, with an attention that is plain to follow."""
    config = tiny.shrink(registry.get("stats_i3d_fl_c").model).replace(
        attentions=tuple(
            GridAttentionConfig(stream=stream, look=GlobalCellAttentionConfig(units=4))
            for stream in range(2)
        )
    )
    spec = tiny.spec(config)
    captioner = Captioner(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    captioner.build_from_spec()
    shake(captioner)
    return captioner


@pytest.fixture
def batch(model):
    return tiny.batch(model.spec)


def matrices(decoder):
    kernels = [
        part.kernel.numpy()
        for part in (decoder.input_words, decoder.input_video, decoder.input_clip)
    ]
    written = decoder.written
    return {
        "embedding": decoder.embedding.embeddings.numpy().astype(np.float64),
        "written": [
            part.kernel.numpy().T
            for part in (written.query, written.key, written.value)
        ],
        "attentions": [att(attention.look.energy) for attention in decoder.attentions],
        "lstm": (
            np.concatenate(kernels).T,
            decoder.lstm.recurrent.kernel.numpy().T,
            decoder.input_words.bias.numpy(),
        ),
        "words": (decoder.words.kernel.numpy().T, decoder.words.bias.numpy()),
    }


def test_steps_equal_the_equations(model, batch):
    encoded = model.encode(batch.video)
    state, memory = model.start(encoded)
    h, c = np.zeros((2, 2, 6))
    captions = np.array([[1, 4, 7, 5], [1, 8, 8, 2]])
    for time in range(4):
        output = model.step(tf.constant(captions[:, time], tf.int32), state, memory)
        state = output.state
        for clip in range(2):
            streams = [
                (doubled(cells[clip]), there[clip].numpy())
                for cells, there in zip(encoded.grids, encoded.grid_masks, strict=True)
            ]
            probabilities, h[clip], c[clip] = reference.step(
                captions[clip, : time + 1],
                h[clip],
                c[clip],
                streams,
                doubled(encoded.clip_vectors[0][clip]),
                matrices(model.decoder),
            )
            np.testing.assert_allclose(
                np.exp(output.log_probs[clip]), probabilities, **CLOSE
            )


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


def test_there_is_room_for_the_longest_caption(model, batch):
    state, memory = model.start(model.encode(batch.video))
    assert state.written.keys.shape == (2, tiny.MAX_WORDS + 1, 5)
    for _ in range(tiny.MAX_WORDS + 1):
        state = model.step(tf.constant([4, 5]), state, memory).state
    assert np.all(np.any(state.written.keys, axis=-1))


def test_words_far_back_are_remembered_by_self_attention_alone(model, batch):
    state, memory = model.start(model.encode(batch.video))
    queries = []
    for word in (4, 9):
        written = model.step(tf.constant([word, word]), state, memory).state.written
        words = model.decoder.embedding(tf.constant([6, 6]))
        queries.append(model.decoder.written(words, written)[0])
    assert not np.allclose(*queries)


def test_dropout_acts_in_training_only(model, batch):
    decoder = {"dropout": 0.5}
    config = model.config.override({"decoder": decoder})
    captioner = Captioner(config, model.spec, 12, tiny.MAX_WORDS).build_from_spec()
    first, second = (captioner.teacher_force(batch).log_probs for _ in range(2))
    assert np.array_equal(first, second)
    first, second = (captioner(batch, training=True).log_probs for _ in range(2))
    assert not np.allclose(first, second)


def test_contract(model, batch):
    check_layer(
        model.decoder,
        lambda: model.teacher_force(batch, training=True).log_probs,
        shapes=(4, 5, 12),
        config=model.config.decoder,
    )
