import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.dropout import Dropout
from keras_models.layers.functional import draws


def test_inputs_pass_unchanged_outside_of_training():
    inputs = tf.random.stateless_normal([4, 5], [1, 2])
    assert np.array_equal(Dropout(0.5)(inputs), inputs)


def test_a_share_of_rate_is_dropped_and_the_mean_stays():
    dropped = Dropout(0.25)(tf.ones([100_000]), training=True).numpy()
    share = np.mean(dropped == 0)
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 100_000)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.75, rtol=1e-6)


def test_each_call_draws_another_mask():
    layer = Dropout(0.5)
    ones = tf.ones([100])
    assert not np.array_equal(layer(ones, training=True), layer(ones, training=True))


def test_rows_share_a_mask_where_they_are_told_to():
    layer = Dropout(0.5)
    ones = tf.ones([4, 100])

    @tf.function
    def drop(sources):
        with draws.shared(sources):
            return layer(ones, training=True)

    one, other, same, again = drop(tf.constant([0, 1, 0, 1])).numpy()
    assert np.array_equal(one, same) and np.array_equal(other, again)
    assert not np.array_equal(one, other)
    assert len(np.unique(layer(ones, training=True), axis=0)) == 4


def test_a_restored_checkpoint_goes_on_with_the_same_masks(tmp_path):
    layer, other = Dropout(0.5), Dropout(0.5)
    ones = tf.ones([100])
    layer(ones, training=True)
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "checkpoint"))
    expected = [layer(ones, training=True).numpy() for _ in range(3)]
    tf.train.Checkpoint(layer=other).read(path).assert_consumed()
    assert np.array_equal(expected, [other(ones, training=True) for _ in range(3)])


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\); received 1"):
        Dropout(1)
