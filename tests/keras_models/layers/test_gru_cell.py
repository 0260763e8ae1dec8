import numpy as np
import tensorflow as tf

from keras_models.layers.gru_cell import GRUCell
from tests.reference.gru import gru
from tests.support.layer_contract import check_layer


def test_equals_the_equations():
    random = np.random.default_rng(0)
    x, h = (random.normal(size=(3, n)).astype(np.float32) for n in (5, 4))
    cell, project = GRUCell(4), tf.keras.layers.Dense(12)
    project.build([None, 5])
    project.bias.assign(random.normal(size=12))
    state = cell(project(x), tf.constant(h))
    for row in range(3):
        expected = gru(
            x[row],
            h[row],
            project.kernel.numpy().T,
            cell.recurrent_kernel.numpy().T,
            project.bias.numpy(),
        )
        np.testing.assert_allclose(state[row], expected, rtol=1e-5, atol=1e-6)


def test_equals_keras_gru():
    inputs = tf.random.stateless_normal([2, 3, 5], [1, 2])
    cell, project = GRUCell(4), tf.keras.layers.Dense(12)
    state = tf.zeros([2, 4])
    for time in range(3):
        state = cell(project(inputs[:, time]), state)
    theirs = tf.keras.layers.GRU(4)
    theirs(inputs)

    def reorder(weight):  # Keras' gates are z, r, n
        r, z, n = np.split(np.asarray(weight), 3, axis=-1)
        return np.concatenate([z, r, n], axis=-1)

    theirs.set_weights(
        [reorder(project.kernel), reorder(cell.recurrent_kernel), np.zeros((2, 12))]
    )
    np.testing.assert_allclose(state, theirs(inputs), rtol=1e-5, atol=1e-6)


def test_contract():
    cell = GRUCell(4)
    projected = tf.random.stateless_normal([2, 12], [1, 2])
    check_layer(cell, lambda: cell(projected, tf.ones([2, 4])), shapes=(2, 4))
