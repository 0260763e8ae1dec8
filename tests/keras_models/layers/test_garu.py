import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.garu import GARUConfig, IdentityRecurrenceConfig
from tests.reference.garu import garu
from tests.support.layer_contract import assert_same_where, check_layer

LENGTHS = [4, 2, 0]
MASK = np.arange(4) < np.array(LENGTHS)[:, np.newaxis]  # (3, 4)


@pytest.fixture
def inputs():
    random = np.random.default_rng(0)
    rough = random.normal(size=(3, 4, 6)).astype(np.float32)
    summary = random.normal(size=(3, 4, 5)).astype(np.float32)
    return tf.constant(rough), tf.constant(summary), tf.constant(MASK)


def parameters(layer):
    """The layer's kernels as the matrices of the equations."""
    w = dict(zip("rzh", np.split(layer.from_rough.kernel.numpy().T, 3), strict=True))
    u = dict(zip("rzh", np.split(layer.recurrent_kernel.numpy().T, 3), strict=True))
    v = dict(zip("rz", np.split(layer.from_summary.kernel.numpy().T, 2), strict=True))
    return w, u, v


def test_equals_the_equations_frame_by_frame(inputs):
    layer = GARUConfig().build()
    maps = layer(*inputs)
    for clip, parts in enumerate(zip(*inputs, strict=True)):
        expected = garu(*(part.numpy() for part in parts), *parameters(layer))
        np.testing.assert_allclose(maps[clip], expected, rtol=1e-5, atol=1e-6)


def test_a_masked_frame_in_the_middle_leaves_the_state_as_it_was(inputs):
    rough, summary, _ = inputs
    layer = GARUConfig().build()
    mask = tf.constant([[True, False, True, True]] * 3)
    maps = layer(rough, summary, mask)
    without = [tf.gather(part, [0, 2, 3], axis=1) for part in (rough, summary, mask)]
    np.testing.assert_allclose(
        tf.gather(maps, [0, 2, 3], axis=1), layer(*without), rtol=1e-6
    )


def test_padded_frames_change_nothing(inputs):
    rough, summary, mask = inputs
    layer = GARUConfig().build()
    noise = tf.where(mask[..., tf.newaxis], 0.0, 9.0)
    padded = layer(rough + noise, summary + noise, mask)
    assert_same_where(MASK, layer(*inputs), padded)


@pytest.mark.parametrize("config", [GARUConfig(), IdentityRecurrenceConfig()])
def test_contract(config, inputs):
    layer = config.build()
    check_layer(layer, lambda: layer(*inputs), shapes=(3, 4, 6), config=config)


def test_without_recurrence_the_rough_maps_stay(inputs):
    assert np.array_equal(IdentityRecurrenceConfig().build()(*inputs), inputs[0])
