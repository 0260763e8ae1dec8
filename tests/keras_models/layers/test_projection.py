import numpy as np
import pytest
import tensorflow as tf

from keras_models.inference.kernel_layouts import PANEL
from keras_models.layers.projection import Projection, laid_out
from tests.support.layer_contract import check_layer


class Model(tf.Module):
    """A projection inside of something else."""

    def __init__(self, units, **settings):
        super().__init__()
        self.layers = [Projection(units, **settings)]
        self.layers[0].build([None, 6])
        for weight in self.layers[0].weights:
            weight.assign(tf.random.stateless_normal(weight.shape, [1, 2]))


@pytest.mark.parametrize("units", [PANEL + 1, 2 * PANEL, 300])
@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (2, 0, 6)])
def test_a_laid_out_product_is_the_plain_one(units, shape):
    model = Model(units, activation="tanh")
    (layer,) = model.layers
    inputs = tf.random.stateless_normal(shape, [3, 4])
    expected = layer(inputs)
    with laid_out(model):
        assert layer.fast is not None
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
    with laid_out(model):
        np.testing.assert_allclose(model.layers[0](inputs), expected, rtol=1e-5)


def test_panels_last_as_long_as_the_context_and_are_no_weights():
    model = Model(300)
    (layer,) = model.layers
    before = [weight.name for weight in layer.weights]
    with pytest.raises(RuntimeError, match="stop"), laid_out(model):
        assert layer.fast.kernel.shape == (3, 6, PANEL)
        assert [weight.name for weight in layer.weights] == before
        raise RuntimeError("stop")
    assert layer.fast is None


def test_a_kernel_of_one_panel_stays_as_it_is():
    model = Model(PANEL)
    with laid_out(model):
        assert model.layers[0].fast is None


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 6)])
def test_a_kernel_in_bfloat16_is_transposed(use_bias, shape):
    model = Model(200, dtype="mixed_bfloat16", use_bias=use_bias)
    (layer,) = model.layers
    inputs = tf.random.stateless_normal(shape, [3, 4])
    expected = layer(inputs)
    with laid_out(model):
        assert layer.fast.kernel.shape == (1, 200, 6)
        assert layer.fast.kernel.dtype == tf.bfloat16
        found = layer(inputs)
    assert found.dtype == tf.bfloat16
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        tf.cast(found, tf.float32), tf.cast(expected, tf.float32), rtol=0.02, atol=0.02
    )


def test_contract():
    layer = Projection(4)
    check_layer(layer, lambda: layer(tf.ones([2, 6])), shapes=(2, 4))
