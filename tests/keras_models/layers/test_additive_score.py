import numpy as np
import tensorflow as tf

from keras_models.layers.additive_score import AdditiveScore
from tests.reference.stats import att
from tests.support.cells import att as matrices
from tests.support.layer_contract import check_layer

QUERY = tf.random.stateless_normal([2, 3], [1, 1])
ITEMS = tf.random.stateless_normal([2, 2, 3, 5], [1, 2])


def test_every_item_of_any_number_of_axes_gets_its_score():
    layer = AdditiveScore(4)
    for items in (ITEMS, ITEMS[:, 0]):
        scores = layer(QUERY, layer.keys(items))
        for index in np.ndindex(*scores.shape):
            expected = att(
                QUERY[index[0]].numpy(), items[index].numpy(), *matrices(layer)
            )
            np.testing.assert_allclose(scores[index], expected, rtol=1e-5, atol=1e-6)


def test_contract():
    layer = AdditiveScore(4)
    check_layer(layer, lambda: layer(QUERY, layer.keys(ITEMS)), shapes=(2, 2, 3))
