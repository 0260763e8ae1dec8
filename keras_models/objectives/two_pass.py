"""Cross-entropy of both steps of VRE on one encoding of a clip."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.cross_entropy import flatten_captions, word_loss
from keras_models.objectives.scheduled_sampling import SamplingRule
from keras_models.structs import EncodedVideo, TrainingBatch
from transform.records.vocabulary import PAD


class TwoPassLoss(NamedTuple):
    """What the two summaries of a clip are worth to the decoder."""

    encoded: EncodedVideo
    loss: tf.Tensor  # (): L^STEP2_xe + L^STEP1_xe
    reward: tf.Tensor  # R: (B,), without gradient
    metrics: dict[str, tf.Tensor]


def two_pass_loss(
    captioner: Captioner, batch: TrainingBatch, rule: SamplingRule, epoch: tf.Tensor
) -> TwoPassLoss:
    """Reads all captions after o1 and after o2 (Shi et al., 2019, Eq. 17, 18, 20).

    R = −(L^STEP2_xe − L^STEP1_xe) is that of a clip: how much likelier o2 makes a word
    of its captions than o1. The paper adds up a caption's words where this is their
    mean, in the losses and in R alike.
    """
    probability = rule.at(epoch) if rule.active else 0.0
    encoded = captioner.encode(batch.video, training=True)
    first = encoded._replace(summary=encoded.aux["step1_summary"])
    log_probs = [
        captioner.teacher_force_encoded(
            step, batch.tokens, training=True, sampling_probability=probability
        ).log_probs
        for step in (first, encoded)
    ]
    tokens = flatten_captions(batch.tokens)  # (R, L)
    first_loss, second_loss = (word_loss(step, tokens) for step in log_probs)
    first_words, second_words = (clip_means(step, batch.tokens) for step in log_probs)
    reward = tf.stop_gradient(second_words - first_words)  # Eq. 20
    metrics = {
        "cross_entropy": second_loss,
        "step1_cross_entropy": first_loss,
        "keyframe_reward": tf.reduce_mean(reward),
    }
    return TwoPassLoss(encoded, second_loss + first_loss, reward, metrics)


def clip_means(log_probs: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """(B · K, L, V) and (B, K, L) ids → (B,) mean log-probability of a clip's words."""
    said = tf.gather(log_probs, flatten_captions(tokens), axis=-1, batch_dims=2)
    there = tokens != PAD  # (B, K, L)
    total = tf.where(there, tf.reshape(said, tf.shape(tokens)), 0.0)
    words = tf.cast(there, log_probs.dtype)
    return tf.math.divide_no_nan(
        tf.reduce_sum(total, axis=[1, 2]), tf.reduce_sum(words, axis=[1, 2])
    )
