import numpy as np
import tensorflow as tf

from keras_models.attention.uniform import UniformConfig
from tests.keras_models.attention.test_bahdanau import LENGTHS, encode


def test_every_frame_counts_alike_whatever_the_query():
    layer, encoded = UniformConfig().build(), encode(padding=9.0)
    memory = layer.prepare(encoded)
    for query in (tf.zeros([3, 7]), tf.ones([3, 7])):
        context, _ = layer(query, memory, layer.initial_state(encoded))
        for row, length in enumerate(LENGTHS[:2]):
            expected = np.mean(encoded.frames[row, :length], axis=0)
            np.testing.assert_allclose(context.vector[row], expected, rtol=1e-5)
            weights = context.weights["temporal"][row]
            np.testing.assert_allclose(weights[:length], 1 / length)
            assert np.all(weights[length:] == 0)
        assert not np.any(context.vector[2])
        assert not np.any(context.weights["temporal"][2])
