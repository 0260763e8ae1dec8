import numpy as np
import pytest
import tensorflow as tf

from keras_models.inference.kernel_layouts import BLOCK, packed_kernels
from keras_models.layers.projection import Projection


class Model(tf.Module):
    """A projection inside of something else."""

    def __init__(self, units, **settings):
        super().__init__()
        self.layers = [Projection(units, **settings)]
        self.layers[0].build([None, 6])
        for weight in self.layers[0].weights:
            weight.assign(tf.random.stateless_normal(weight.shape, [1, 2]))


@pytest.mark.parametrize("units", [BLOCK + 1, 2 * BLOCK, 300])
@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (2, 0, 6)])
def test_a_packed_product_is_the_plain_one(units, shape):
    model = Model(units, activation="tanh")
    (layer,) = model.layers
    inputs = tf.random.stateless_normal(shape, [3, 4])
    expected = layer(inputs)
    with packed_kernels(model):
        assert layer.inference_kernel is not None
        found = layer(inputs)
        traced = tf.function(layer, input_signature=[tf.TensorSpec([None] * 2 + [6])])
        if inputs.shape.rank == 3:
            np.testing.assert_allclose(traced(inputs), found, rtol=1e-5, atol=1e-6)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_without_a_bias():
    model = Model(200, use_bias=False)
    inputs = tf.ones([2, 6])
    expected = model.layers[0](inputs)
    with packed_kernels(model):
        np.testing.assert_allclose(model.layers[0](inputs), expected, rtol=1e-5)


def test_packed_kernels_last_as_long_as_the_context_and_are_no_weights():
    model = Model(300)
    (layer,) = model.layers
    before = [weight.name for weight in layer.weights]
    with pytest.raises(RuntimeError, match="stop"), packed_kernels(model):
        assert layer.inference_kernel.kernel.shape == (3, 6, BLOCK)
        assert [weight.name for weight in layer.weights] == before
        raise RuntimeError("stop")
    assert layer.inference_kernel is None


def test_a_kernel_of_one_block_stays_as_it_is():
    model = Model(BLOCK)
    with packed_kernels(model):
        assert model.layers[0].inference_kernel is None


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 6)])
def test_a_kernel_in_bfloat16_is_transposed(use_bias, shape):
    model = Model(200, dtype="mixed_bfloat16", use_bias=use_bias)
    (layer,) = model.layers
    inputs = tf.random.stateless_normal(shape, [3, 4])
    expected = layer(inputs)
    with packed_kernels(model):
        assert layer.inference_kernel.kernel.shape == (1, 200, 6)
        assert layer.inference_kernel.kernel.dtype == tf.bfloat16
        found = layer(inputs)
    assert found.dtype == tf.bfloat16
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        tf.cast(found, tf.float32), tf.cast(expected, tf.float32), rtol=0.02, atol=0.02
    )
