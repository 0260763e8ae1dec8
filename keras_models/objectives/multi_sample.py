"""The multi-sample lower bound, which trains hard attention."""

from __future__ import annotations

import math
from typing import Literal

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.cross_entropy import flatten_captions
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.objectives.reduction import caption_mean, word_mean
from keras_models.structs import LossOutput, TrainingBatch, caption_numbers
from transform.common.config import Config, Field
from transform.records.vocabulary import PAD


class MultiSample(Config):
    """Maximises L_K = E[log 1/K Σ_k p(Y | m^k)] over samples m^k of hard attention.

    (Pu et al., 2018, Eq. 12; Burda et al., 2016.) Every caption is read `samples`
    times, so that a step costs as much as that many cross-entropy steps do. Readings of
    a caption differ in what they attend to alone: they have dropout's masks in common.
    """

    kind: Literal["multi_sample"] = "multi_sample"
    samples: int = Field(10, ge=2)  # appendix; K

    def build(self, context: ObjectiveContext) -> MultiSampleObjective:
        """Returns the objective that this configuration describes."""
        del context
        return MultiSampleObjective(self)


class MultiSampleObjective(Objective):
    """Computes `MultiSample`'s loss, with the gradient of `multi_sample_bound`.

    The loss is −L_K of a caption, the mean over the batch's.
    """

    def __init__(self, config: MultiSample):
        super().__init__(name="multi_sample")
        self._samples = config.samples

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the negative bound of K samples of attention on one encoding."""
        encoded = captioner.encode(batch.video, training=True)
        repeated = tf.repeat(batch.tokens, self._samples, axis=1)  # (B, C · K, L)
        forced = captioner.teacher_force_encoded(
            encoded,
            repeated,
            training=True,
            captions=tf.repeat(caption_numbers(batch.tokens), self._samples, axis=1),
        )
        tokens = flatten_captions(repeated)  # (R, L)
        token_log_probs = forced.words.given  # (R, L)
        choice_log_probs = tf.add_n(
            [context.log_prob for context in forced.contexts]
            or [tf.zeros_like(token_log_probs)]
        )

        def sum_by_caption(values: tf.Tensor) -> tf.Tensor:
            total = tf.reduce_sum(tf.where(tokens != PAD, values, 0.0), axis=1)
            return tf.reshape(total, [-1, self._samples])  # (B · C, K)

        log_likelihood = sum_by_caption(token_log_probs)
        bound = multi_sample_bound(log_likelihood, sum_by_caption(choice_log_probs))
        captions = flatten_captions(batch.tokens)  # (B · C, L)
        mean = tf.reduce_mean(log_likelihood, axis=1)
        return LossOutput(
            -caption_mean(bound, captions),
            {
                "bound": -word_mean(bound, captions),
                "cross_entropy": -word_mean(mean, captions),
            },
        )


def multi_sample_bound(log_likelihood: tf.Tensor, log_prob: tf.Tensor) -> tf.Tensor:
    """Returns the bound L(m^{1:K}) with its gradient (Pu et al., 2018, Eq. 14–16).

        ∇ = Σ_k [ L̂(m^k | m^{−k}) ∇ log p(m^k) + ω_k ∇ log p(Y | m^k) ]
        L̂(m^k | m^{−k}) = L(m^{1:K}) − log 1/K (Σ_{j≠k} p(Y | m^j) + f_k)
        f_k = exp( 1/(K−1) Σ_{j≠k} log p(Y | m^j) )

    Everything stays in log space: p(Y | m) of a sentence is below what float32 holds.

    Args:
        log_likelihood: (N, K) log p(Y | m^k), K at least 2.
        log_prob: (N, K) log p(m^k).

    Returns:
        (N,) log 1/K Σ_k p(Y | m^k).

    Notes:
        Printed, the second term of Eq. 13 and 14 is ω_k ∇ p(Y | m^k). ω_k is already
        the ratio that makes the gradient of L of ∇ log p (Mnih and Rezende, 2016).
    """
    samples = log_likelihood.shape[1]
    value = tf.reduce_logsumexp(log_likelihood, axis=1) - math.log(samples)
    learning_signal = tf.stop_gradient(
        value[:, tf.newaxis] - leave_one_out(tf.stop_gradient(log_likelihood))
    )  # L̂: (N, K)
    # 0, with the first term's gradient; that of `value` is the second one.
    log_prob -= tf.stop_gradient(log_prob)
    choices = tf.reduce_sum(learning_signal * log_prob, axis=1)
    return value + choices


def leave_one_out(log_likelihood: tf.Tensor) -> tf.Tensor:
    """Returns the bound that is expected without each sample m^k (Eq. 15, 16).

    (N, K) → (N, K): in p(Y | m^k)'s place stands the others' geometric mean f_k.
    """
    samples = log_likelihood.shape[1]
    total = tf.reduce_sum(log_likelihood, axis=1, keepdims=True)
    log_f = (total - log_likelihood) / (samples - 1)  # (N, K)
    same = tf.eye(samples, dtype=tf.bool)  # (k, j)
    replaced = tf.where(same, log_f[..., tf.newaxis], log_likelihood[:, tf.newaxis])
    return tf.reduce_logsumexp(replaced, axis=2) - math.log(samples)
