import numpy as np
import tensorflow as tf

from keras_models.layers.appearance_guide import AppearanceGuideConfig
from keras_models.structs import VideoBatch
from tests.reference.additive_attention import energy
from tests.support.layer_contract import check_layer

CONFIG = AppearanceGuideConfig(units=3)
VIDEO = VideoBatch(tf.constant([""]), {}, {})
REGIONS = tf.random.stateless_normal([2, 3, 4, 5], [1, 2])
SUMMARY = tf.reduce_mean(REGIONS, axis=2)


def test_equals_an_additive_network_cell_by_cell():
    layer = CONFIG.build((2, 2))
    maps = layer(VIDEO, REGIONS, SUMMARY)
    w, b = (weight.numpy() for weight in layer.from_regions.weights)
    v, score = layer.from_summary.kernel.numpy(), layer.score.kernel.numpy()[:, 0]
    for at in np.ndindex(2, 3, 4):
        expected = energy(
            SUMMARY[at[:2]].numpy(), REGIONS[at].numpy(), v.T, w.T, b, score
        )
        np.testing.assert_allclose(maps[at], expected, rtol=1e-5, atol=1e-6)


def test_contract():
    layer = CONFIG.build((2, 2))
    check_layer(
        layer, lambda: layer(VIDEO, REGIONS, SUMMARY), shapes=(2, 3, 4), config=CONFIG
    )
