"""Cross-entropy: the loss of predicting the reference captions' words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.objective import Objective, ObjectiveContext, StepCounters
from keras_models.objectives.reduction import (
    CaptionSum,
    Reduction,
    WordMean,
    reduce_words,
)
from keras_models.objectives.scheduled_sampling import ConstantSampling, SamplingRule
from keras_models.structs import Context, LossOutput, TrainingBatch, WordLogProbs
from transform.common.config import Config, ConfigError, Field


class CrossEntropy(Config):
    """The negative log-likelihood of the references' words, <eos> included.

    To it are added the losses that a model's attentions return beside their context,
    e.g. STaTS' ranking loss, as the attentions weigh them. `auxiliary` multiplies them.
    """

    kind: Literal["cross_entropy"] = "cross_entropy"
    # probability that is spread over all words
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    reduction: Reduction = WordMean()  # over the words and captions of a batch
    # how often a word is read that the model drew itself
    scheduled_sampling: SamplingRule = ConstantSampling()
    # factors of the attentions' losses by name; 1 if not named, 0 leaves one out
    auxiliary: dict[str, float] = Field({})

    def build(self, context: ObjectiveContext) -> CrossEntropyObjective:
        """Returns the objective that this configuration describes."""
        return CrossEntropyObjective(self, context.counters)


class CrossEntropyObjective(Objective):
    """Computes the loss that a `CrossEntropy` configuration describes."""

    def __init__(self, config: CrossEntropy, counters: StepCounters):
        super().__init__(name="cross_entropy")
        self._config = config
        self._counters = counters

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the loss of all K captions of a clip on one encoding of it."""
        config = self._config
        rule = config.scheduled_sampling
        probability: tf.Tensor | float = 0.0
        if rule.active:
            probability = rule.at(self._counters.epoch)
        forced = captioner.teacher_force(
            batch, training=True, sampling_probability=probability
        )
        tokens = flatten_captions(batch.tokens)  # (R, L)
        losses = word_losses(forced.words, config.label_smoothing)
        loss = reduce_words(losses, tokens, config.reduction)
        metrics = {"cross_entropy": loss}
        if rule.active:
            metrics["sampling_probability"] = probability
        extra, logged = auxiliary_loss(
            forced.contexts, tokens, config.auxiliary, config.reduction
        )
        return LossOutput(loss + extra, metrics | logged)


def flatten_captions(tokens: tf.Tensor) -> tf.Tensor:
    """Reshapes (B, K, L) tokens to the rows (B · K, L) of `TeacherForced`."""
    return tf.reshape(tokens, [-1, tokens.shape[-1] or tf.shape(tokens)[-1]])


def word_losses(words: WordLogProbs, label_smoothing: float = 0.0) -> tf.Tensor:
    """Returns the losses (R, L) of given words.

    With label smoothing ε, a word's target is 1 − ε on itself and ε spread evenly over
    the vocabulary (Szegedy et al., 2016, Sec. 7).
    """
    if not label_smoothing:
        return -words.given
    return -((1 - label_smoothing) * words.given + label_smoothing * words.mean)


def auxiliary_loss(
    contexts: tuple[Context, ...],
    tokens: tf.Tensor,
    factors: Mapping[str, float],
    reduction: WordMean | CaptionSum,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the sum of the contexts' losses times their factors, and each loss.

    Raises:
        ConfigError: `factors` names a loss that the model does not have.
    """
    losses: dict[str, tf.Tensor] = {}
    for context in contexts:
        for name, values in context.losses.items():  # (R, L)
            loss = reduce_words(values, tokens, reduction)
            losses[name] = losses[name] + loss if name in losses else loss
    for name in factors:
        if name not in losses:
            raise ConfigError(
                f"objective.auxiliary names {name!r}; the model's auxiliary losses are "
                f"{', '.join(losses) or 'none'}."
            )
    total = tf.add_n(
        [factors.get(name, 1.0) * losses[name] for name in losses] or [0.0]
    )
    return total, losses
