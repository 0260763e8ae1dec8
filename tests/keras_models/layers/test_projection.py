import numpy as np
import tensorflow as tf

from keras_models.layers.projection import Projection
from tests.support.layer_contract import check_layer


def test_an_inference_kernel_takes_over_the_product_and_is_taken_back():
    layer = Projection(3, activation="relu")
    inputs = tf.ones([2, 6])
    expected = layer(inputs)
    layer.set_inference_kernel(lambda inputs: inputs[:, :3] * [1.0, -1.0, 2.0])
    np.testing.assert_array_equal(layer(inputs), [[1, 0, 2]] * 2)
    layer.set_inference_kernel(None)
    np.testing.assert_array_equal(layer(inputs), expected)


def test_contract():
    layer = Projection(4)
    check_layer(layer, lambda: layer(tf.ones([2, 6])), shapes=(2, 4))
