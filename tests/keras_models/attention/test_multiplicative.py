import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.multiplicative import MultiplicativeConfig
from keras_models.attention.sources import Grid
from keras_models.structs import Context
from tests.keras_models.attention.test_bahdanau import LENGTHS, MASK, encode
from tests.reference.multiplicative_attention import multiplicative_attention
from tests.support.layer_contract import check_layer

FRAMES = MultiplicativeConfig(units=4)
CELLS = MultiplicativeConfig(units=4, over=Grid())


@pytest.fixture
def query():
    return tf.random.stateless_normal([3, 7], [1, 2])


def encode_grid():
    """One map of four cells a clip; the last clip has none."""
    grid = tf.random.stateless_normal([3, 1, 4, 5], [3, 4])
    has_map = tf.constant([True, True, False])[:, tf.newaxis, tf.newaxis]
    return encode()._replace(grids=(grid,), grid_masks=(tf.repeat(has_map, 4, axis=2),))


def look(layer, query, encoded):
    return layer(query, layer.prepare(encoded), layer.initial_state(encoded))[0]


def weights_of(layer):
    energy = layer.energy
    return (
        energy.query.kernel.numpy().T,
        energy.key.kernel.numpy().T,
        energy.score.kernel.numpy()[:, 0],
    )


def test_equals_the_equations_frame_by_frame(query):
    layer, encoded = FRAMES.build(), encode()
    context = look(layer, query, encoded)
    for row in range(2):
        length = LENGTHS[row]
        vector, weights, _ = multiplicative_attention(
            query[row].numpy(),
            encoded.frames[row, :length].numpy(),
            *weights_of(layer),
        )
        attended = context.weights["temporal"][row]
        np.testing.assert_allclose(context.vector[row], vector, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(attended[:length], weights, rtol=1e-5, atol=1e-6)
        assert np.all(attended[length:] == 0)


def test_equals_the_equations_cell_by_cell(query):
    layer, encoded = CELLS.build(), encode_grid()
    context = look(layer, query, encoded)
    for row in range(2):
        vector, weights, _ = multiplicative_attention(
            query[row].numpy(), encoded.grids[0][row, 0].numpy(), *weights_of(layer)
        )
        close = {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(context.vector[row], vector, **close)
        np.testing.assert_allclose(context.weights["spatial"][row], weights, **close)


def test_padded_frames_change_nothing_and_no_frames_give_zeros(query):
    layer = FRAMES.build()
    context, padded = (look(layer, query, encode(p)) for p in (0.0, 9.0))
    np.testing.assert_array_equal(
        context.weights["temporal"], padded.weights["temporal"]
    )
    np.testing.assert_array_equal(context.vector, padded.vector)
    assert not np.any(context.vector[~MASK.any(axis=1)])


def test_a_clip_without_a_map_gives_zeros(query):
    context = look(CELLS.build(), query, encode_grid())
    assert not np.any(context.vector[2])
    assert not np.any(context.weights["spatial"][2])


def test_a_missing_grid_is_refused(query):
    with pytest.raises(ValueError, match="looks at grid 0; the encoder gives 0"):
        CELLS.build().prepare(encode())


@pytest.mark.parametrize(
    ("config", "encoded", "vector", "weights"),
    [
        (FRAMES, encode, (3, 6), {"temporal": (3, 5)}),
        (CELLS, encode_grid, (3, 5), {"spatial": (3, 4)}),
    ],
)
def test_contract(query, config, encoded, vector, weights):
    layer = config.build()
    check_layer(
        layer,
        lambda: look(layer, query, encoded()),
        shapes=Context(vector, weights, (3,), {}),
        config=config,
    )
