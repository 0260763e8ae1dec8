import numpy as np
import tensorflow as tf

from keras_models.layers.lstm_cell import LSTMCell, LSTMState, input_projection
from tests.reference.lstm import lstm
from tests.support.layer_contract import check_layer


def test_equals_the_equations():
    random = np.random.default_rng(0)
    x, h, c = (random.normal(size=(3, n)).astype(np.float32) for n in (5, 4, 4))
    cell, project = LSTMCell(4), input_projection(4, "inputs", bias=True)
    hidden, memory = cell(project(x), LSTMState(tf.constant(h), tf.constant(c)))
    for row in range(3):
        expected = lstm(
            x[row],
            h[row],
            c[row],
            project.kernel.numpy().T,
            cell.recurrent.kernel.numpy().T,
            project.bias.numpy(),
        )
        np.testing.assert_allclose(hidden[row], expected[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(memory[row], expected[1], rtol=1e-5, atol=1e-6)


def test_equals_keras_lstm():
    inputs = tf.random.stateless_normal([2, 3, 5], [1, 2])
    cell, project = LSTMCell(4), input_projection(4, "inputs", bias=True)
    state = cell.zero_state(2)
    for time in range(3):
        state = cell(project(inputs[:, time]), state)
    theirs = tf.keras.layers.LSTM(4)
    theirs(inputs)
    theirs.set_weights([project.kernel, cell.recurrent.kernel, project.bias])
    np.testing.assert_allclose(state.hidden, theirs(inputs), rtol=1e-5, atol=1e-6)


def test_contract():
    cell = LSTMCell(4)
    projected = tf.random.stateless_normal([2, 16], [1, 2])
    state = LSTMState(tf.ones([2, 4]), tf.ones([2, 4]))
    check_layer(cell, lambda: cell(projected, state), shapes=LSTMState((2, 4), (2, 4)))
