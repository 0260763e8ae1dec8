"""Cross-entropy of both passes of VRE on one encoding of a clip."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.reduction import caption_mean, word_mean
from keras_models.objectives.scheduled_sampling import SamplingRule
from keras_models.structs import (
    EncodedVideo,
    LossOutput,
    TrainingBatch,
    caption_numbers,
)


class TwoPasses(NamedTuple):
    """The losses after a clip's two summaries, and the reward of the second."""

    output: LossOutput  # of L^STEP2_xe + L^STEP1_xe
    encoded: EncodedVideo
    reward: tf.Tensor  # R of each sentence: (B, K), without gradient


def two_passes(
    captioner: Captioner, batch: TrainingBatch, rule: SamplingRule, epoch: tf.Tensor
) -> TwoPasses:
    """Teacher-forces captions after o1 and o2 (Shi et al., 2019, Eq. 17, 18, 20).

        L_xe = −Σ_t log p(y_t) ;  R = −(L^STEP2_xe − L^STEP1_xe)

    of every sentence. The losses are means over the batch's sentences. A sentence is
    read after o1 and after o2 with the same masks of dropout and the same luck in
    scheduled sampling, so that R is what the choice of the key frame alone is worth.
    """
    probability = rule.at(epoch) if rule.active else 0.0
    encoded = captioner.encode(batch.video, training=True)
    first = encoded._replace(summary=encoded.aux["step1_summary"])
    words = captioner.teacher_force_encoded(
        tf.nest.map_structure(lambda *both: tf.concat(both, 0), first, encoded),
        tf.tile(batch.tokens, [2, 1, 1]),
        training=True,
        sampling_probability=probability,
        captions=tf.tile(caption_numbers(batch.tokens), [2, 1]),
    ).words
    first_pass, second_pass = (
        sentence_log_probs(each, batch.tokens) for each in tf.split(words.given, 2)
    )  # each (B, K)
    loss = -caption_mean(first_pass + second_pass, batch.tokens)
    reward = tf.stop_gradient(second_pass - first_pass)  # Eq. 20
    metrics = {
        "cross_entropy": -word_mean(second_pass, batch.tokens),
        "step1_cross_entropy": -word_mean(first_pass, batch.tokens),
        "keyframe_reward": caption_mean(reward, batch.tokens),
    }
    return TwoPasses(LossOutput(loss, metrics), encoded, reward)


def sentence_log_probs(words: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns the log-probabilities (B, K) of whole captions (B, K, L).

    Args:
        words: (B · K, L) log-probabilities of their words, 0 for <pad>.
        tokens: (B, K, L) ids.
    """
    return tf.reshape(tf.reduce_sum(words, axis=1), tf.shape(tokens)[:2])
