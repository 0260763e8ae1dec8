"""Self-critical sequence training: REINFORCE on the captions' scores."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import numpy as np
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.generation import Greedy, Sampling
from keras_models.objectives.cross_entropy import CrossEntropy, flatten_captions
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.objectives.rewards import RewardConfig, RewardEngine
from keras_models.structs import (
    EncodedVideo,
    LossOutput,
    TeacherForced,
    TrainingBatch,
    WordLogProbs,
)
from transform.common.config import BY_KIND, Config, Field, root_validator
from transform.records.vocabulary import FORBIDDEN_TOKENS, PAD


class GreedyBaseline(Config):
    """The reward of the model's greedy caption (Rennie et al., 2017).

    It costs one more search for each clip.
    """

    kind: Literal["greedy"] = "greedy"

    def value(self, rewards: tf.Tensor, greedy: tf.Tensor) -> tf.Tensor:
        """Returns the baseline (B, 1): the rewards (B,) of the greedy captions."""
        del rewards
        return greedy[:, tf.newaxis]


class LeaveOneOutBaseline(Config):
    """The mean reward of the clip's other samples (Kool et al., 2019)."""

    kind: Literal["leave_one_out"] = "leave_one_out"

    def value(self, rewards: tf.Tensor, greedy: tf.Tensor) -> tf.Tensor:
        """Returns the baseline (B, k): the mean of the other samples' rewards."""
        del greedy
        others = tf.reduce_sum(rewards, axis=1, keepdims=True) - rewards
        return others / tf.cast(tf.shape(rewards)[1] - 1, rewards.dtype)


Baseline = Annotated[Union[GreedyBaseline, LeaveOneOutBaseline], BY_KIND]


class SelfCritical(Config):
    """Reinforces sampled captions by reward r minus baseline b (Rennie et al., 2017).

        policy loss = −(r − b) · log p
        loss = (1 − w) · policy loss + w · cross-entropy,  w = cross_entropy_weight

    The reward and the baseline carry no gradient. <eos> counts as a word of the
    caption in r and in log p. p is the model's distribution sharpened by `temperature`:
    what it samples is then nearer to what a greedy or beam search writes, and so is
    what is learnt.
    """

    kind: Literal["self_critical"] = "self_critical"
    reward: RewardConfig = RewardConfig()  # what a sampled caption is worth
    samples: int = Field(5, ge=1)  # per clip
    temperature: float = Field(1.0, gt=0, le=1)  # below 1 sharpens what is sampled from
    baseline: Baseline = LeaveOneOutBaseline()  # what it is held against
    cross_entropy: CrossEntropy = CrossEntropy()  # how the cross-entropy is computed
    # share of the cross-entropy in the loss
    cross_entropy_weight: float = Field(0.0, ge=0, lt=1)

    @root_validator(skip_on_failure=True)
    def _others_to_compare_with(cls, values: dict) -> dict:
        if (
            isinstance(values["baseline"], LeaveOneOutBaseline)
            and values["samples"] < 2
        ):
            raise ValueError("baseline leave_one_out needs samples of 2 or more")
        return values

    def build(self, context: ObjectiveContext) -> SelfCriticalObjective:
        """Returns the objective that this configuration describes."""
        rewards = RewardEngine(
            context.reference_ids(), self.reward, context.vocabulary.words
        )
        return SelfCriticalObjective(self, rewards, context)


class SelfCriticalObjective(Objective):
    """Computes the loss that a `SelfCritical` configuration describes.

    Args:
        config: Says which captions are sampled, and how they are compared.
        rewards: Scores captions: `score(video_ids (N,), tokens (N, L)) -> (N,)`.
        context: For the counters, and the cross-entropy that is mixed in.
    """

    def __init__(
        self, config: SelfCritical, rewards: RewardEngine, context: ObjectiveContext
    ):
        super().__init__(name="self_critical")
        self._config = config
        self._rewards = rewards
        self._counters = context.counters
        self._cross_entropy = config.cross_entropy.build(context)

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Samples captions, scores them and returns the policy loss.

        Dropout is off, so that the policy that is sampled is the one that is updated.
        """
        config = self._config
        encoded = captioner.encode(batch.video, training=False)
        samples, rewards, baseline = self._sample(captioner, batch, encoded)
        forced = captioner.teacher_force_encoded(encoded, samples)
        tokens = flatten_captions(samples)  # (R, L)
        likelihood = sequence_log_probs(forced, tokens, config.temperature)  # (R,)
        advantage = tf.reshape(rewards - baseline, [-1])  # (R,)
        policy_loss = -tf.reduce_mean(tf.stop_gradient(advantage) * likelihood)
        metrics = {
            "policy_loss": policy_loss,
            "reward": tf.reduce_mean(rewards),
            "baseline": tf.reduce_mean(baseline),
            "sampled_words": tf.reduce_mean(
                tf.reduce_sum(tf.cast(tokens != PAD, tf.float32), axis=-1)
            ),
        }
        weight = config.cross_entropy_weight
        if not weight:
            return LossOutput(policy_loss, metrics)
        anchor = self._cross_entropy(captioner, batch)
        loss = (1 - weight) * policy_loss + weight * anchor.loss
        return LossOutput(loss, anchor.metrics | metrics)

    def _sample(
        self, captioner: Captioner, batch: TrainingBatch, encoded: EncodedVideo
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns samples (B, k, L), their rewards (B, k), baseline (B, 1 or k)."""
        config = self._config
        state, memory = captioner.start(encoded)
        sampling = Sampling(samples=config.samples, temperature=config.temperature)
        sampled = sampling.search(
            captioner.step,
            state,
            memory,
            captioner.max_words,
            seed=self._counters.random_seed(),
        )
        tokens = sampled.tokens  # (B, k, L)
        if isinstance(config.baseline, GreedyBaseline):
            greedy = Greedy().search(captioner.step, state, memory, captioner.max_words)
            tokens = tf.concat([tokens, greedy.tokens], axis=1)  # (B, k + 1, L)
        scores = self._score(batch.video.video_id, tokens)
        rewards, greedy_reward = scores[:, : config.samples], scores[:, -1]
        return (
            sampled.tokens,
            rewards,
            config.baseline.value(rewards, greedy_reward),
        )

    def _score(self, video_ids: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the rewards (B, n) float32 of (B, n, L) captions of (B,) clips."""
        shape = tf.shape(tokens)

        @tf.autograph.experimental.do_not_convert
        def score(video_ids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
            return self._rewards.score(video_ids, tokens).astype(np.float32)

        rewards = tf.numpy_function(
            score,
            [tf.repeat(video_ids, shape[1]), flatten_captions(tokens)],
            tf.float32,
        )
        return tf.reshape(rewards, shape[:2])


def sequence_log_probs(
    forced: TeacherForced, tokens: tf.Tensor, temperature: float = 1.0
) -> tf.Tensor:
    """Returns the log-probabilities (R,) of sampled captions under their policy.

    A search never writes <pad>, <bos> or <unk>: it samples from the distribution over
    the other tokens. At the last position it can only write <eos>, which is no choice.
    """
    if temperature == 1:
        token_log_probs = _of_all_but_forbidden(forced.words)
    else:
        logits = forced.log_probs[:, :-1] / temperature  # (R, L − 1, V)
        others = tf.logical_not(_forbidden(tf.shape(logits)[-1]))
        norm = tf.reduce_logsumexp(tf.where(others, logits, logits.dtype.min), axis=-1)
        given = tf.gather(logits, tokens[:, :-1], axis=-1, batch_dims=2)
        token_log_probs = given - norm
    written = tokens[:, :-1] != PAD
    return tf.reduce_sum(tf.where(written, token_log_probs, 0.0), axis=-1)


def _of_all_but_forbidden(words: WordLogProbs) -> tf.Tensor:
    share = tf.minimum(tf.exp(words.forbidden[:, :-1]), 1 - 1e-6)
    return words.given[:, :-1] - tf.math.log1p(-share)  # (R, L − 1)


def _forbidden(words: tf.Tensor) -> tf.Tensor:
    """Returns which words (V,) no search writes."""
    return tf.reduce_any(
        tf.equal(tf.range(words), tf.constant(FORBIDDEN_TOKENS)[:, tf.newaxis]), axis=0
    )
