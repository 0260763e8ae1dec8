import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from keras_models.layers.area_pooling import AreaPooling, overlaps
from tests.reference.convolution import area_average
from tests.support.layer_contract import check_layer

SIZES = st.integers(1, 9)


@hypothesis.given(SIZES, SIZES, SIZES, SIZES)
@hypothesis.settings(deadline=None, max_examples=30)
def test_every_size_is_averaged_onto_every_grid(high, wide, rows, columns):
    image = np.random.default_rng(high * wide).normal(size=(high, wide))
    pooled = AreaPooling((rows, columns))(image[np.newaxis, ..., np.newaxis])
    expected = area_average(image, rows, columns)
    np.testing.assert_allclose(pooled[0, ..., 0], expected, rtol=1e-4, atol=1e-5)


@hypothesis.given(SIZES, SIZES)
def test_a_cell_shares_add_up_to_one(size, cells):
    np.testing.assert_allclose(overlaps(size, cells).sum(axis=1), 1)


def test_contract():
    layer = AreaPooling((2, 3))
    inputs = tf.random.stateless_normal([2, 5, 6, 4], [1, 2])
    check_layer(layer, lambda: layer(inputs), shapes=(2, 2, 3, 4))
