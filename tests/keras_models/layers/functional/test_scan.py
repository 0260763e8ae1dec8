import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.functional.scan import scan


def running(element, state):
    state = {"sum": state["sum"] * 0.5 + element[0] * tf.cast(element[1], tf.float32)}
    return (state["sum"], element[1]), state


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("known", [True, False], ids=["static", "dynamic"])
def test_scan_applies_a_step_along_time(steps, known):
    values = np.random.default_rng(0).normal(size=(2, steps, 3)).astype(np.float32)
    counts = np.arange(2 * steps, dtype=np.int32).reshape(2, steps, 1)
    time = steps if known else None

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, time, 3]),
            tf.TensorSpec([None, time, 1], tf.int32),
        ]
    )
    def run(values, counts):
        return scan(running, (values, counts), {"sum": tf.zeros_like(values[:, 0])})

    (sums, same), last = run(values, counts)
    expected = np.zeros((2, 3))
    for step in range(steps):
        expected = expected * 0.5 + values[:, step] * counts[:, step]
        np.testing.assert_allclose(sums[:, step], expected, rtol=1e-6)
    assert np.array_equal(same, counts)
    np.testing.assert_allclose(last["sum"], expected, rtol=1e-6)


def test_gradient_of_a_scan_is_that_of_the_unrolled_loop():
    values = tf.random.stateless_normal([2, 5, 3], [1, 2])
    kernel = tf.random.stateless_normal([3, 3], [3, 4])

    def step(element, state):
        state = tf.tanh(element + state @ kernel)
        return state, state

    def unrolled():
        state = tf.zeros([2, 3])
        outputs = []
        for time in range(5):
            output, state = step(values[:, time], state)
            outputs.append(output)
        return tf.stack(outputs, axis=1)

    @tf.function
    def scanned():
        return scan(step, values, tf.zeros([2, 3]))[0]

    gradients = []
    for run in (unrolled, scanned):
        with tf.GradientTape() as tape:
            tape.watch([values, kernel])
            loss = tf.reduce_sum(run() ** 2)
        gradients.append(tape.gradient(loss, [values, kernel]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
