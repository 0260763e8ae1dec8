import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.kbigru import KBiGRU
from tests.reference.vre import kbigru
from tests.support.layer_contract import check_layer

LENGTHS = [5, 5, 3, 1, 0]
KEYS = [0, 3, 2, 0, 0]  # the first, an inner, the last and the only frame
MASK = np.arange(5) < np.array(LENGTHS)[:, np.newaxis]  # (5, 5)


def make_frames(padding=0.0):
    frames = np.random.default_rng(0).normal(size=(5, 5, 6))
    return np.where(MASK[..., np.newaxis], frames, padding).astype(np.float32)


@pytest.fixture
def layer():
    layer = KBiGRU(4)
    layer.project(make_frames())
    for inputs in (layer.left_inputs, layer.right_inputs):
        inputs.bias.assign(np.random.default_rng(1).normal(size=12))
    return layer


def read(layer, frames, keys=KEYS):
    inputs = layer.project(tf.constant(frames))
    return layer(inputs, tf.constant(keys, tf.int32), tf.constant(MASK))


def parameters(layer):
    """The layer's kernels as the matrices of the equations."""
    left, right = (
        (
            inputs.kernel.numpy().T,
            cell.recurrent_kernel.numpy().T,
            inputs.bias.numpy(),
        )
        for inputs, cell in (
            (layer.left_inputs, layer.left),
            (layer.right_inputs, layer.right),
        )
    )
    return left, right, layer.join.kernel.numpy().T, layer.join.bias.numpy()


def test_every_clip_of_a_batch_is_read_from_its_own_key_frame(layer):
    frames = make_frames()
    states = read(layer, frames)
    for clip, (length, key) in enumerate(zip(LENGTHS[:4], KEYS[:4], strict=True)):
        expected = kbigru(frames[clip, :length], key, *parameters(layer))
        np.testing.assert_allclose(states[clip], expected, rtol=1e-5, atol=1e-6)


def test_a_clip_without_frames_is_read_as_nothing(layer):
    read(layer, make_frames())
    layer.join.bias.assign([0.1, -0.2, 0.3, 0.0])
    state = read(layer, make_frames())[4]
    np.testing.assert_allclose(state, np.tanh(layer.join.bias), rtol=1e-6)


def test_padding_changes_nothing(layer):
    first, second = (read(layer, make_frames(padding)) for padding in (0.0, 9.0))
    assert np.array_equal(first, second)


def test_other_key_frames_of_the_batch_change_nothing(layer):
    frames = make_frames()
    first, second = read(layer, frames), read(layer, frames, [4, 3, 0, 0, 0])
    assert np.array_equal(first[1], second[1])
    assert not np.allclose(first[0], second[0])


def test_contract():
    layer = KBiGRU(4)
    check_layer(layer, lambda: read(layer, make_frames()), shapes=(5, 4))
