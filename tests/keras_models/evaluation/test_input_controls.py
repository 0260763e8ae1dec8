import numpy as np
import tensorflow as tf

from keras_models.evaluation.input_controls import one_frame, shuffled_frames
from keras_models.structs import VideoBatch


def clips():
    """Two clips of 6 and 3 steps; the value of a step is its number."""
    mask = tf.constant([[True] * 6, [True] * 3 + [False] * 3])
    steps = tf.where(mask, tf.range(6)[tf.newaxis], 0)
    features = {"a": steps[..., tf.newaxis], "b": 10 * steps[..., tf.newaxis]}
    return VideoBatch(tf.constant(["x", "y"]), features, {"a": mask, "b": mask})


def test_one_frame_is_the_middle_one_of_the_steps_that_are_there():
    masks = one_frame(clips()).masks
    for mask in masks.values():
        assert np.array_equal(np.argwhere(mask), [[0, 2], [1, 1]])


def test_a_clip_without_steps_stays_without():
    video = clips()
    video = video._replace(masks={"a": tf.zeros([2, 6], tf.bool)})
    assert not np.any(one_frame(video).masks["a"])


def test_shuffling_moves_whole_frames_and_leaves_none_out():
    shuffled = shuffled_frames(clips(), tf.constant([1, 2]))
    a, b = (shuffled.features[name][..., 0].numpy() for name in "ab")
    assert np.array_equal(b, 10 * a)
    assert sorted(a[0]) == [0, 1, 2, 3, 4, 5] and list(a[0]) != sorted(a[0])
    assert sorted(a[1][:3]) == [0, 1, 2]
    assert np.array_equal(shuffled.masks["a"], clips().masks["a"])


def test_another_seed_is_another_order():
    orders = {
        tuple(
            shuffled_frames(clips(), tf.constant([0, n])).features["a"][0, :, 0].numpy()
        )
        for n in range(5)
    }
    assert len(orders) > 1
