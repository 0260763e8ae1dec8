import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.reward_memory import RewardMemory


@pytest.fixture
def memory():
    return RewardMemory(["a", "b", "c"])


def replace(memory, ids, rewards):
    return memory.replace(tf.constant(ids), tf.constant(rewards, tf.float32)).numpy()


def test_a_clip_gets_back_what_it_was_worth_before(memory):
    assert np.all(np.isnan(replace(memory, ["c", "a"], [3, 1])))
    before = replace(memory, ["a", "b"], [5, 7])
    assert before[0] == 1
    assert np.isnan(before[1])
    assert replace(memory, ["c", "b", "a"], [0, 0, 0]).tolist() == [3, 7, 5]


def test_a_clip_that_comes_twice_keeps_the_mean(memory):
    replace(memory, ["a", "a"], [1, 3])
    assert replace(memory, ["a"], [0]).tolist() == [2]


def test_what_is_forgotten_was_never_seen(memory):
    replace(memory, ["a"], [1])
    memory.reset_state()
    assert np.isnan(replace(memory, ["a"], [1]))


def test_rewards_survive_a_restart(memory, tmp_path):
    replace(memory, ["a", "c"], [1, 3])
    path = tf.train.Checkpoint(memory=memory).save(str(tmp_path / "state"))
    restored = RewardMemory(["a", "b", "c"])
    status = tf.train.Checkpoint(memory=restored).read(path)
    status.assert_existing_objects_matched()
    before = replace(restored, ["c", "b", "a"], [0, 0, 0])
    np.testing.assert_array_equal(before, [3, np.nan, 1])


def test_an_unknown_clip_is_refused(memory):
    with pytest.raises(tf.errors.InvalidArgumentError, match="none of those"):
        tf.function(memory.replace)(tf.constant(["d"]), tf.constant([1.0]))
