import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from keras_models.inference import int8_kernel
from keras_models.inference.int8_kernel import Int8Kernel
from keras_models.inference.kernel_layouts import packed_kernels
from keras_models.layers.projection import Projection
from tests.reference import quantised_kernel as reference
from transform.common.errors import KinescribeError


def traced(layer, width):
    signature = [tf.TensorSpec([None, width])]
    return tf.function(layer, autograph=False, input_signature=signature)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_it_is_the_product_of_rounded_rows_and_columns(rows):
    kernel, bias, inputs = normal(20, 9), normal(9, seed=1), normal(rows, 20, seed=2)
    found = traced(Int8Kernel(kernel, bias), 20)(inputs)
    np.testing.assert_allclose(
        found, reference.product(inputs, kernel, bias), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_the_largest_products_are_exact_on_every_processor(sign):
    kernel, inputs = tf.ones([20, 9]), sign * np.ones((2, 20), np.float32)
    found = traced(Int8Kernel(kernel, None), 20)(inputs)
    np.testing.assert_allclose(found, np.full((2, 9), 20 * sign), rtol=1e-6)


def test_it_is_near_the_plain_product():
    kernel, bias, inputs = normal(256, 300), normal(300, seed=1), normal(8, 256, seed=2)
    found = traced(Int8Kernel(kernel, bias), 256)(inputs)
    expected = inputs @ kernel + bias
    assert np.std(found - expected) < 0.03 * np.std(expected)


def test_rows_do_not_depend_on_one_another():
    layer = traced(Int8Kernel(normal(40, 200), None), 40)
    inputs = normal(6, 40, seed=1)
    inputs[3] *= 1000
    together = layer(inputs)
    for row in range(6):
        np.testing.assert_array_equal(layer(inputs[row : row + 1])[0], together[row])


def test_rows_and_columns_of_zeros_give_the_bias():
    kernel, bias = normal(12, 130), normal(130, seed=1)
    kernel[:, 7] = 0
    layer = traced(Int8Kernel(kernel, bias), 12)
    inputs = normal(3, 12, seed=2)
    inputs[1] = 0
    found = layer(inputs)
    np.testing.assert_array_equal(found[1], bias)
    np.testing.assert_array_equal(found[:, 7], np.repeat(bias[7], 3))
    assert layer(inputs[:0]).shape == (0, 130)


def test_axes_before_the_last_stay():
    layer = Int8Kernel(normal(12, 130), normal(130, seed=1))
    inputs = normal(2, 3, 12, seed=2)
    shaped = tf.function(layer, input_signature=[tf.TensorSpec([None, None, 12])])
    np.testing.assert_array_equal(
        tf.reshape(shaped(inputs), [6, 130]),
        traced(layer, 12)(np.reshape(inputs, [6, 12])),
    )
    assert shaped.get_concrete_function().output_shapes == [None, None, 130]


def test_projections_read_it_where_it_is_asked_for():
    model = tf.keras.Sequential([Projection(300, activation="tanh")])
    (layer,) = model.layers
    inputs = normal(4, 20)
    expected = layer(inputs)
    with packed_kernels(model, Int8Kernel):
        assert layer.inference_kernel.kernel.dtype == tf.qint8
        found = traced(layer, 20)(inputs)
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert not np.array_equal(found, expected)
    assert layer.inference_kernel is None


def test_it_is_saved_and_read_by_many_callers_at_once(tmp_path):
    module = tf.Module()
    module.layer = layer = Int8Kernel(normal(64, 500), normal(500, seed=1))
    module.kept = [layer.kernel, layer.shift, layer.scale, layer.bias]
    module.product = traced(layer, 64)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    inputs = [normal(rows, 64, seed=rows) for rows in (1, 2, 3, 5, 8, 40)] * 10
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for each, found in zip(inputs, pool.map(loaded.product, inputs), strict=True):
            np.testing.assert_array_equal(found, module.product(each))


def test_a_tensorflow_without_the_operation_is_refused(monkeypatch):
    monkeypatch.setattr(int8_kernel, "OPERATION", "_NoSuchOperation")
    with pytest.raises(KinescribeError, match=r"int8 needs.*_NoSuchOperation.*float32"):
        Int8Kernel(normal(4, 3), None)
