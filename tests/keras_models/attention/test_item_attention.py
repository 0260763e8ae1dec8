"""Several captions of a clip read its items at once."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.structs import repeat_batch
from tests.support import tiny

CAPTIONS = 3


@pytest.mark.parametrize(
    "name",
    [
        "mgsa",
        "vre_soft_att",
        "vre",
        "vatex_temporal",
        "dual_afr_soft",
        "stats",
        "stats_fr",
        "stats_pool_temporal",
        "stats_pool_mean_temporal",
        "spatial_attention_garu",
    ],
)
def test_captions_of_one_clip_are_as_if_each_had_a_copy_of_it(name):
    model = tiny.captioner(name)
    batch = tiny.batch(model.spec)
    tokens = tf.concat([batch.tokens, batch.tokens + 1, batch.tokens[:, ::-1]], 1)
    tokens = tf.where(tokens < 12, tokens, 4)
    clips = tf.shape(tokens)[1]
    weights = model.trainable_weights

    def copied(video):
        encoded = model.encode(video)
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, clips, 0), encoded)

    def gradients(forced):
        return tape.gradient(forced.words.given, weights, unconnected_gradients="zero")

    with tf.GradientTape() as tape:
        together = model.teacher_force_encoded(model.encode(batch.video), tokens)
    ours = gradients(together)
    with tf.GradientTape() as tape:
        apart = model.teacher_force_encoded(
            copied(batch.video), tf.reshape(tokens, [-1, 1, tokens.shape[2]])
        )
    expected = gradients(apart)
    np.testing.assert_allclose(together.log_probs, apart.log_probs, 1e-4, 1e-5)
    for one, other in zip(together.contexts, apart.contexts, strict=True):
        for name in one.weights:
            np.testing.assert_allclose(
                one.weights[name], other.weights[name], 1e-4, 1e-5
            )
    for mine, theirs in zip(ours, expected, strict=True):
        mine, theirs = (tf.convert_to_tensor(each) for each in (mine, theirs))
        np.testing.assert_allclose(mine, theirs, 1e-3, 1e-4)


def test_no_copy_of_a_clips_items_is_made_for_its_captions():
    model = tiny.captioner("vre_soft_att")
    batch = tiny.batch(model.spec)
    state, memory = model.start(model.encode(batch.video))
    rows, repeated = repeat_batch((state, memory), CAPTIONS)
    clips = batch.video.video_id.shape[0]
    assert rows.lstm.hidden.shape[0] == clips * CAPTIONS
    assert repeated.summary.shape[0] == clips * CAPTIONS
    assert repeated.attentions[0] is memory.attentions[0]
