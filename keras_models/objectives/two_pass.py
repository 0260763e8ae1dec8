"""Cross-entropy of both passes of VRE on one encoding of a clip."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.cross_entropy import flatten_captions, word_loss
from keras_models.objectives.scheduled_sampling import SamplingRule
from keras_models.structs import EncodedVideo, TrainingBatch
from transform.records.vocabulary import PAD


class TwoPassLoss(NamedTuple):
    """The losses after a clip's two summaries, and the reward of the second."""

    encoded: EncodedVideo
    loss: tf.Tensor  # (): L^STEP2_xe + L^STEP1_xe
    reward: tf.Tensor  # R: (B,), without gradient
    metrics: dict[str, tf.Tensor]


def two_pass_loss(
    captioner: Captioner, batch: TrainingBatch, rule: SamplingRule, epoch: tf.Tensor
) -> TwoPassLoss:
    """Teacher-forces captions after o1 and o2 (Shi et al., 2019, Eq. 17, 18, 20).

    R = −(L^STEP2_xe − L^STEP1_xe) is the reward of a clip: how much likelier o2 makes a
    word of its captions than o1. The paper adds up a caption's words, of which this is
    the mean, in the losses and in R alike.
    """
    probability = rule.at(epoch) if rule.active else 0.0
    encoded = captioner.encode(batch.video, training=True)
    first = encoded._replace(summary=encoded.aux["step1_summary"])
    log_probs = [
        captioner.teacher_force_encoded(
            summarised, batch.tokens, training=True, sampling_probability=probability
        ).log_probs
        for summarised in (first, encoded)
    ]
    tokens = flatten_captions(batch.tokens)  # (R, L)
    first_loss, second_loss = (word_loss(one, tokens) for one in log_probs)
    first_words, second_words = (clip_means(one, batch.tokens) for one in log_probs)
    reward = tf.stop_gradient(second_words - first_words)  # Eq. 20
    metrics = {
        "cross_entropy": second_loss,
        "step1_cross_entropy": first_loss,
        "keyframe_reward": tf.reduce_mean(reward),
    }
    return TwoPassLoss(encoded, second_loss + first_loss, reward, metrics)


def clip_means(log_probs: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns the mean log-probability (B,) of the words of each clip's captions.

    Args:
        log_probs: (B · K, L, V).
        tokens: (B, K, L) ids.
    """
    rows = flatten_captions(tokens)  # (B · K, L)
    token_log_probs = tf.gather(log_probs, rows, axis=-1, batch_dims=2)
    mask = tokens != PAD  # (B, K, L)
    total = tf.where(mask, tf.reshape(token_log_probs, tf.shape(tokens)), 0.0)
    words = tf.cast(mask, log_probs.dtype)
    return tf.math.divide_no_nan(
        tf.reduce_sum(total, axis=[1, 2]), tf.reduce_sum(words, axis=[1, 2])
    )
