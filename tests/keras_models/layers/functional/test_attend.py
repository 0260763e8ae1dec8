import numpy as np
import pytest
import tensorflow as tf

from keras_models.layers.functional import attend

BATCH, ITEMS, OTHERS = (2, 3), ((4,), (2, 5)), ((), (6,), (2, 3))


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("items", ITEMS)
@pytest.mark.parametrize("batch_dims", [1, 2])
def test_values_are_summed_over_all_axes_of_their_items(batch_dims, items, others):
    batch = BATCH[:batch_dims]
    weights, values = normal(*batch, *items), normal(*batch, *items, *others)
    found = attend.weighted_sum(tf.constant(weights), tf.constant(values), batch_dims)
    for row in np.ndindex(batch):
        expected = np.tensordot(weights[row], values[row], len(items))
        np.testing.assert_allclose(found[row], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("items", ITEMS)
def test_each_of_a_clips_weights_sums_the_clips_values(items, others):
    weights, values = normal(2, 3, *items), normal(2, *items, *others)
    found = attend.weighted_sums(tf.constant(weights), tf.constant(values))
    for clip, caption in np.ndindex(2, 3):
        expected = np.tensordot(weights[clip, caption], values[clip], len(items))
        np.testing.assert_allclose(found[clip, caption], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("items", ITEMS)
def test_captions_of_a_clip_attend_as_if_each_had_its_items(items):
    scores, values = normal(6, *items), normal(2, *items, 3)
    mask = np.random.default_rng(0).random((2, *items)) < 0.7
    sums, weights = attend.attend_clips(*map(tf.constant, (scores, values, mask)))
    flat = [
        np.repeat(each, 6 // len(each), axis=0).reshape(6, -1, *each.shape[1 + n :])
        for each, n in ((scores, len(items)), (values, len(items)), (mask, len(items)))
    ]
    expected, expected_weights = attend.attend(*map(tf.constant, flat))
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        weights, tf.reshape(expected_weights, scores.shape), rtol=1e-5, atol=1e-6
    )


def test_each_frames_cells_are_attended_by_themselves():
    scores, cells = normal(6, 4, 5), normal(2, 4, 5, 3)
    mask = np.random.default_rng(0).random((2, 4, 5)) < 0.7
    frames, weights = attend.attend_frames(*map(tf.constant, (scores, cells, mask)))
    for caption, frame in np.ndindex(6, 4):
        clip = caption // 3
        expected, expected_weights = attend.attend(
            tf.constant(scores[caption, frame][np.newaxis]),
            tf.constant(cells[clip, frame][np.newaxis]),
            tf.constant(mask[clip, frame][np.newaxis]),
        )
        np.testing.assert_allclose(frames[caption, frame], expected[0], 1e-5, 1e-6)
        np.testing.assert_allclose(
            weights[caption, frame], expected_weights[0], 1e-5, 1e-6
        )


def test_one_map_can_weigh_the_cells_of_all_frames():
    weights, cells = normal(6, 1, 5), normal(2, 4, 5, 3)
    same = attend.frame_sums(tf.constant(weights), tf.constant(cells))
    each = attend.frame_sums(tf.repeat(weights, 4, axis=1), tf.constant(cells))
    np.testing.assert_allclose(same, each, rtol=1e-5, atol=1e-6)


def test_what_is_known_of_shapes_before_a_call_is_kept():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 7]),
            tf.TensorSpec([None, None, 7, 5]),
        ]
    )
    def summed(weights, values):
        found = attend.weighted_sum(weights, values)
        assert found.shape.as_list() == [None, 5]
        return found

    assert summed(normal(2, 3, 7), normal(2, 3, 7, 5)).shape == (2, 5)


def test_no_item_gives_zeros():
    vector, weights = attend.attend(
        tf.zeros([1, 3]), tf.ones([1, 3, 2]), tf.zeros([1, 3], tf.bool)
    )
    assert not np.any(vector) and not np.any(weights)
