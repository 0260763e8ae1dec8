import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.structs import Context, EncodedVideo
from tests.reference.additive_attention import additive_attention
from tests.support.cells import att
from tests.support.layer_contract import check_layer

CONFIG = AdditiveConfig(units=4)
LENGTHS = [5, 2, 0]
MASK = np.arange(5) < np.array(LENGTHS)[:, np.newaxis]  # (3, 5)


def encode(padding=0.0, streams=()):
    random = np.random.default_rng(0)
    frames = random.normal(size=(3, 5, 6)).astype(np.float32)
    frames = np.where(MASK[..., np.newaxis], frames, padding).astype(np.float32)
    return EncodedVideo(
        tf.constant(frames),
        tf.constant(MASK),
        (),
        (),
        tf.constant(frames[:, 0]),
        {},
        {},
        frame_streams=streams,
    )


@pytest.fixture
def query():
    return tf.random.stateless_normal([3, 7], [1, 2])


def weights_of(layer):
    return att(layer.energy)


def test_equals_the_equations_frame_by_frame(query):
    layer, encoded = CONFIG.build(), encode()
    context, _ = layer(query, layer.prepare(encoded), layer.initial_state(encoded))
    for row in range(3):
        vector, weights = additive_attention(
            query[row].numpy(),
            encoded.frames[row].numpy(),
            MASK[row],
            *weights_of(layer),
        )
        np.testing.assert_allclose(context.vector[row], vector, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            context.weights["temporal"][row], weights, rtol=1e-5, atol=1e-6
        )


def test_streams_are_weighed_with_the_frames_weights_and_do_not_change_them(query):
    stream = tf.random.stateless_normal([3, 5, 2], [3, 4])
    layer, plain, fused = CONFIG.build(), encode(), encode(streams=(stream,))
    alone, _ = layer(query, layer.prepare(plain), ())
    both, _ = layer(query, layer.prepare(fused), ())
    weights = both.weights["temporal"]
    assert np.array_equal(weights, alone.weights["temporal"])
    assert np.array_equal(both.vector[:, :6], alone.vector)
    expected = tf.einsum("bt,btc->bc", weights, stream)
    np.testing.assert_allclose(both.vector[:, 6:], expected, rtol=1e-5, atol=1e-6)


def test_padded_frames_change_nothing_and_no_frames_give_zeros(query):
    layer = CONFIG.build()
    context, _ = layer(query, layer.prepare(encode()), ())
    padded, _ = layer(query, layer.prepare(encode(padding=9.0)), ())
    assert np.array_equal(context.vector, padded.vector)
    assert np.all(context.vector[2] == 0)
    assert np.all(context.weights["temporal"][2] == 0)


def test_contract(query):
    layer = CONFIG.build()
    check_layer(
        layer,
        lambda: layer(query, layer.prepare(encode()), ())[0],
        shapes=Context((3, 6), {"temporal": (3, 5)}, (3,), {}),
        config=CONFIG,
    )
