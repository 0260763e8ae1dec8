import numpy as np
import pytest
import tensorflow as tf

from keras_models.training.schedule import Schedule
from keras_models.training.weight_averaging import LatestWeights, MovingAverage
from transform.common.config import ConfigError

VALUES = [[4.0, 0.0], [1.0, -8.0], [0.5, 3.0], [7.0, 7.0]]


def test_averages_are_those_of_tensorflow_at_every_update():
    weight, theirs = tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])
    count = tf.Variable(0)
    average = MovingAverage(decay=0.25).build([weight])
    reference = tf.train.ExponentialMovingAverage(0.25, num_updates=count)
    reference.apply([theirs])  # what its average begins with
    for number, value in enumerate(VALUES, start=1):
        weight.assign(value)
        theirs.assign(value)
        count.assign(number)
        average.update()
        reference.apply([theirs])
        with average.swap_in():
            np.testing.assert_allclose(weight, reference.average(theirs), rtol=1e-6)
        np.testing.assert_array_equal(weight, value)


def test_weights_come_back_after_an_error():
    weight = tf.Variable(1.0)
    average = MovingAverage().build([weight])
    weight.assign(3.0)
    with pytest.raises(ZeroDivisionError), average.swap_in():
        assert float(weight) == 1
        raise ZeroDivisionError
    assert float(weight) == 3


def test_an_average_begins_anew_from_other_weights():
    weight = tf.Variable(0.0)
    average = MovingAverage(decay=0.5).build([weight])
    for _ in range(20):
        average.update()
    weight.assign(8.0)
    average.reset()
    weight.assign(19.0)
    average.update()
    with average.swap_in():  # the first decay is 2/11
        assert float(weight) == pytest.approx(8 * 2 / 11 + 19 * 9 / 11)


def test_the_latest_weights_are_the_weights():
    weight = tf.Variable(1.0)
    average = LatestWeights().build([weight])
    weight.assign(5.0)
    average.update()
    with average.swap_in():
        assert float(weight) == 5
    assert average.variables == ()


def test_a_checkpoint_holds_the_averages(tmp_path):
    def made() -> tuple[tf.Variable, tf.train.Checkpoint]:
        weight = tf.Variable(0.0)
        average = MovingAverage(decay=0.5).build([weight])
        return weight, tf.train.Checkpoint(weight=weight, average=average)

    weight, checkpoint = made()
    for value in (1.0, 2.0):
        weight.assign(value)
        checkpoint.average.update()
    path = checkpoint.write(str(tmp_path / "state"))
    again, restored = made()
    restored.read(path).assert_consumed()
    for one, other in ((weight, checkpoint), (again, restored)):
        one.assign(9.0)
        other.average.update()
    with checkpoint.average.swap_in(), restored.average.swap_in():
        assert float(weight) == float(again) < 9


def test_averages_under_a_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        weight = tf.Variable(1.0)
        average = MovingAverage(decay=0.5).build([weight])
        weight.assign(12.0)
        average.update()
        with average.swap_in():
            assert float(weight.numpy()) == pytest.approx(1 * 2 / 11 + 12 * 9 / 11)


def test_a_decay_of_one_is_refused():
    stage = {"name": "a", "epochs": 1, "averaging": {"kind": "moving", "decay": 1.0}}
    with pytest.raises(ConfigError, match="decay"):
        Schedule.from_dict(stage)
