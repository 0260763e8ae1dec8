import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.reward_memory import RewardMemory

ONE, TWO, THREE = [4, 2, 0], [5, 2, 0], [4, 5, 2]
CAPTIONS = {"a": [ONE, TWO, ONE], "b": [ONE], "c": [THREE, TWO]}


@pytest.fixture
def memory():
    return RewardMemory(CAPTIONS)


def replace(memory, ids, tokens, rewards):
    """One caption a clip, given as its ids."""
    former = memory.replace(
        tf.constant(ids),
        tf.constant(tokens)[:, tf.newaxis],
        tf.constant(rewards, tf.float32)[:, tf.newaxis],
    )
    return former.numpy()[:, 0]


def test_a_sentence_gets_back_what_it_was_worth_before(memory):
    assert np.all(np.isnan(replace(memory, ["c", "a"], [TWO, TWO], [3, 1])))
    before = replace(memory, ["a", "a", "c"], [ONE, TWO, THREE], [5, 7, 9])
    assert np.isnan(before[0]) and np.isnan(before[2])
    assert before[1] == 1
    again = replace(memory, ["c", "c", "a", "a"], [TWO, THREE, ONE, TWO], [0, 0, 0, 0])
    assert again.tolist() == [3, 9, 5, 7]


def test_the_same_words_of_another_clip_are_another_sentence(memory):
    replace(memory, ["a"], [ONE], [1])
    assert np.isnan(replace(memory, ["b"], [ONE], [2]))
    assert replace(memory, ["a", "b"], [ONE, ONE], [0, 0]).tolist() == [1, 2]


def test_several_sentences_of_a_clip_have_a_reward_each(memory):
    tokens = tf.constant([[ONE, TWO], [THREE, TWO]])
    ids = tf.constant(["a", "c"])
    memory.replace(ids, tokens, tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    before = memory.replace(ids, tokens[:, ::-1], tf.zeros([2, 2]))
    assert before.numpy().tolist() == [[2, 1], [4, 3]]


def test_a_sentence_that_comes_twice_keeps_the_mean(memory):
    replace(memory, ["a", "a"], [ONE, ONE], [1, 3])
    assert replace(memory, ["a"], [ONE], [0]).tolist() == [2]


def test_what_is_forgotten_was_never_seen(memory):
    replace(memory, ["a"], [ONE], [1])
    memory.reset_state()
    assert np.isnan(replace(memory, ["a"], [ONE], [1]))


def test_rewards_survive_a_restart(memory, tmp_path):
    replace(memory, ["a", "c"], [ONE, TWO], [1, 3])
    path = tf.train.Checkpoint(memory=memory).save(str(tmp_path / "state"))
    restored = RewardMemory(CAPTIONS)
    status = tf.train.Checkpoint(memory=restored).read(path)
    status.assert_existing_objects_matched()
    before = replace(restored, ["c", "b", "a"], [TWO, ONE, ONE], [0, 0, 0])
    np.testing.assert_array_equal(before, [3, np.nan, 1])


@pytest.mark.parametrize(("clip", "caption"), [("d", ONE), ("b", TWO)])
def test_an_unknown_sentence_is_refused(memory, clip, caption):
    with pytest.raises(tf.errors.InvalidArgumentError, match="none of those"):
        tf.function(memory.replace)(
            tf.constant([clip]), tf.constant([[caption]]), tf.constant([[1.0]])
        )
