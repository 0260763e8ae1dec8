import math

import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.objectives.reduction import CaptionSum
from keras_models.objectives.scheduled_sampling import (
    ConstantSampling,
    InverseSigmoidSampling,
)
from keras_models.structs import TrainingBatch, VideoBatch
from tests.support.table_captioner import TableCaptioner
from transform.common.config import ConfigError
from transform.records.vocabulary import Vocabulary

SIZE = 7  # four special ids and three words
TOKENS = np.array([[[4, 5, 2], [6, 2, 0]], [[2, 0, 0], [5, 5, 2]]], np.int32)


def context(counters: StepCounters | None = None) -> ObjectiveContext:
    return ObjectiveContext(Vocabulary("abc"), {}, 2, counters or StepCounters())


def batch(tokens: np.ndarray = TOKENS) -> TrainingBatch:
    clips = tf.range(len(tokens))
    names = tf.strings.as_string(clips)
    masks = {"clip": tf.ones([len(tokens), 1], tf.bool)}
    video = VideoBatch(names, {"clip": clips[:, tf.newaxis]}, masks)
    return TrainingBatch(video, tf.constant(tokens))


def likelihoods(captioner: TableCaptioner) -> list[np.ndarray]:
    """log p(· | …) at each word of each caption."""
    found = []
    for clip, captions in enumerate(TOKENS):
        for caption in captions:
            before = 1
            for place, word in enumerate(caption):
                if word:
                    row = captioner.table.numpy()[clip, place, before].astype(float)
                    found.append((row - np.log(np.exp(row).sum()), word))
                before = word
    return found


def test_loss_is_the_mean_over_words_and_sentence_ends():
    captioner = TableCaptioner(2, 2, SIZE)
    output = CrossEntropy().build(context())(captioner, batch())
    expected = -np.mean([log_probs[word] for log_probs, word in likelihoods(captioner)])
    assert output.loss.numpy() == pytest.approx(expected, rel=1e-6)
    assert output.metrics["cross_entropy"].numpy() == pytest.approx(expected, rel=1e-6)


def test_a_caption_sum_adds_up_each_captions_words():
    captioner = TableCaptioner(2, 2, SIZE)
    objective = CrossEntropy(reduction=CaptionSum()).build(context())
    expected = -np.sum([log_probs[word] for log_probs, word in likelihoods(captioner)])
    found = objective(captioner, batch()).loss.numpy()
    assert found == pytest.approx(expected / 4, rel=1e-6)  # of four captions


def test_label_smoothing_spreads_a_share_over_the_vocabulary():
    captioner = TableCaptioner(2, 2, SIZE)
    output = CrossEntropy(label_smoothing=0.1).build(context())(captioner, batch())
    expected = -np.mean(
        [0.9 * p[word] + 0.1 * p.mean() for p, word in likelihoods(captioner)]
    )
    assert output.loss.numpy() == pytest.approx(expected, rel=1e-6)


def test_auxiliary_losses_come_with_the_model_and_are_logged():
    captioner = TableCaptioner(2, 2, SIZE)
    plain = CrossEntropy().build(context())(captioner, batch()).loss
    captioner.auxiliary = {"ranking": 3.0}
    for factors, added in (({}, 3.0), ({"ranking": 0.5}, 1.5), ({"ranking": 0.0}, 0.0)):
        output = CrossEntropy(auxiliary=factors).build(context())(captioner, batch())
        assert output.loss.numpy() == pytest.approx(plain.numpy() + added, rel=1e-6)
        assert output.metrics["ranking"].numpy() == pytest.approx(3.0)


def test_a_factor_of_a_loss_that_the_model_does_not_have_is_refused():
    captioner = TableCaptioner(2, 2, SIZE)
    captioner.auxiliary = {"ranking": 3.0}
    wrong = CrossEntropy(auxiliary={"rankng": 0.5}).build(context())
    with pytest.raises(ConfigError, match=r"names 'rankng'; .* losses are ranking"):
        wrong(captioner, batch())


def test_inverse_sigmoid_follows_its_equation():
    rule = InverseSigmoidSampling(eta=24.0)
    for epoch in (0, 1, 50, 100, 10_000):
        forcing = 24 / (24 + math.exp(min(epoch / 24, 700)))
        assert rule.at(tf.constant(epoch)).numpy() == pytest.approx(
            1 - forcing, rel=1e-5
        )


def test_the_sampling_probability_follows_the_clock():
    captioner, counters = TableCaptioner(2, 2, SIZE), StepCounters()
    rule = InverseSigmoidSampling(eta=2.0)
    objective = CrossEntropy(scheduled_sampling=rule).build(context(counters))
    counters.epoch.assign(5)
    output = objective(captioner, batch())
    expected = 1 - 2 / (2 + math.exp(2.5))
    assert float(captioner.probability) == pytest.approx(expected, rel=1e-6)
    assert float(output.metrics["sampling_probability"]) == pytest.approx(expected)


def test_without_sampling_the_captioner_may_read_words_all_at_once():
    captioner = TableCaptioner(2, 2, SIZE)
    CrossEntropy(scheduled_sampling=ConstantSampling()).build(context())(
        captioner, batch()
    )
    assert isinstance(captioner.probability, float)
    assert captioner.probability == 0.0
