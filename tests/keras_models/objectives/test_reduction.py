import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.frozen_key_frames import FrozenKeyFrames
from keras_models.objectives.key_frame import KeyFrame, KeyFrameObjective
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.reduction import (
    CaptionSum,
    WordMean,
    caption_mean,
    reduce_words,
)
from keras_models.objectives.rewards import RewardConfig
from keras_models.objectives.self_critical import SelfCritical
from keras_models.structs import TrainingBatch
from tests.support import tiny, vre_models

# Captions of 2, 1 and 3 words, and two that are padding.
TOKENS = np.array([[4, 2, 0], [2, 0, 0], [0, 0, 0], [5, 6, 2], [0, 0, 0]], np.int32)
LOSSES = np.arange(1.0, 16.0, dtype=np.float32).reshape(5, 3)


def test_a_word_mean_is_that_of_all_captions_words():
    found = reduce_words(tf.constant(LOSSES), tf.constant(TOKENS), WordMean())
    assert float(found) == pytest.approx((1 + 2 + 4 + 10 + 11 + 12) / 6)


def test_a_caption_sum_is_averaged_over_captions_that_are_not_padding():
    found = reduce_words(tf.constant(LOSSES), tf.constant(TOKENS), CaptionSum())
    assert float(found) == pytest.approx((1 + 2 + 4 + 10 + 11 + 12) / 3)


def test_a_mean_over_captions_leaves_padding_out():
    values, tokens = tf.constant([[1.0, 2.0, 3.0]]), tf.constant(TOKENS[np.newaxis, :3])
    assert float(caption_mean(values, tokens)) == pytest.approx(1.5)


@pytest.mark.parametrize("reduction", [WordMean(), CaptionSum()])
def test_captions_of_padding_only_give_no_loss_and_no_nan(reduction):
    impossible, tokens = tf.fill([2, 3], np.inf), tf.zeros([2, 3], tf.int32)
    assert float(reduce_words(impossible, tokens, reduction)) == 0


@pytest.fixture(scope="module")
def vre():
    return vre_models.captioner(), vre_models.batch(vre_models.video())


@pytest.fixture(scope="module")
def dual_afr():
    model = tiny.captioner("dual_afr_soft")
    return model, tiny.batch(model.spec)


def padded(batch: TrainingBatch) -> TrainingBatch:
    """The batch, in which every clip has a caption of padding before its own."""
    return batch._replace(tokens=tf.pad(batch.tokens, [[0, 0], [1, 0], [0, 0]]))


OBJECTIVES = {
    "cross_entropy": ("vre", CrossEntropy(label_smoothing=0.1)),
    "caption_sum": ("vre", CrossEntropy(reduction=CaptionSum())),
    "first_pass": ("vre", FirstPassCrossEntropy()),
    "frozen_key_frames": ("vre", FrozenKeyFrames()),
    "key_frame": ("vre", KeyFrame(weight=1.0)),
    "self_critical": (
        "vre",
        SelfCritical(reward=RewardConfig(bleu_4=1.0), cross_entropy_weight=0.5),
    ),
    "multi_sample": ("dual_afr", MultiSample(samples=2)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_captions_of_padding_change_no_objective(name, request):
    system, config = OBJECTIVES[name]
    model, batch = request.getfixturevalue(system)

    def loss_and_gradients(read: TrainingBatch):
        objective = config.build(vre_models.context(batch))
        objective.on_stage_begin(model)
        if isinstance(objective, KeyFrameObjective):  # as if an epoch was over
            objective.memory.rewards.assign(tf.zeros_like(objective.memory.rewards))
        with tf.GradientTape() as tape:
            loss = objective(model, read).loss
        gradients = tape.gradient(loss, model.trainable_variables)
        return [loss, *(g for g in gradients if g is not None)]

    ours, theirs = loss_and_gradients(padded(batch)), loss_and_gradients(batch)
    assert len(ours) == len(theirs) > 1
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(found),
            tf.convert_to_tensor(expected),
            rtol=1e-4,
            atol=1e-5,
        )
