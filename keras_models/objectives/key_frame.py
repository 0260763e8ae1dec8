"""VRE's joint loss of the captions and of the choice of key frames."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.objectives.reduction import caption_mean
from keras_models.objectives.reward_memory import RewardMemory
from keras_models.objectives.scheduled_sampling import ConstantSampling, SamplingRule
from keras_models.objectives.two_pass import two_passes
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config, Field


class KeyFrame(Config):
    """The loss L^STEP2_xe + L^STEP1_xe + weight · L_R+ (Shi et al., 2019, Eq. 22)."""

    kind: Literal["key_frame"] = "key_frame"
    weight: float = Field(0.03, ge=0)  # Sec. 3.4: β
    # how often a word is read that the model drew itself
    scheduled_sampling: SamplingRule = ConstantSampling()

    def build(self, context: ObjectiveContext) -> KeyFrameObjective:
        """Returns the objective that this configuration describes."""
        return KeyFrameObjective(self, context)


class KeyFrameObjective(Objective):
    """Computes `KeyFrame`'s loss: L_R+ is `keyframe_loss`, R is `two_passes`' reward.

    L_R+ is the mean over the batch's sentences, as the other losses are. R_{e−1} is the
    sentence's reward when it was last seen: one epoch before, where an epoch reads all
    pairs. A sentence that is seen for the first time since `on_stage_begin` has no
    L_R+. The rewards enter checkpoints.
    """

    def __init__(self, config: KeyFrame, context: ObjectiveContext):
        super().__init__(name="key_frame")
        self._config = config
        self._counters = context.counters
        self.memory = RewardMemory(context.reference_ids())

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the losses of both passes and of the key frames, added up."""
        rule, epoch = self._config.scheduled_sampling, self._counters.epoch
        passes = two_passes(captioner, batch, rule, epoch)
        reward, aux = passes.reward, passes.encoded.aux
        change = reward - self.memory.replace(
            batch.video.video_id, batch.tokens, reward
        )
        change = tf.where(tf.math.is_finite(change), change, 0.0)  # (B, K)
        losses = keyframe_loss(
            change,
            aux["keyframe"],
            aux["keyframe_log_prob"],
            passes.encoded.frame_mask,
        )  # (B, K)
        loss = caption_mean(losses, batch.tokens)
        return LossOutput(
            passes.output.loss + self._config.weight * loss,
            {**passes.output.metrics, "keyframe_loss": loss},
        )

    def on_stage_begin(self, captioner: Captioner) -> bool:
        """Switches the encoder to learning key frames, and forgets former rewards."""
        self.memory.reset_state()
        return captioner.encoder.set_training_phase("learned")


def keyframe_loss(
    change: tf.Tensor, keyframe: tf.Tensor, log_prob: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Raises the key frames whose rewards rose, and lowers the others (Eq. 21).

        L_R+ = −|Δ| · (log α if Δ > 0, log(1 − α) if Δ < 0, else 0)

    Δ is a sentence's, α the probability of its clip's key frame. log(1 − α) is the
    log-sum of the other frames' probabilities, which stays precise, gradient included,
    where α is close to 1.

    Args:
        change: (B, K) Δ = R_e − R_{e−1}; no gradient flows into it.
        keyframe: (B,) int32.
        log_prob: (B, T) float32, of every frame.
        mask: (B, T) bool.

    Returns:
        (B, K); 0 for a clip that has no two frames to choose from.

    Notes:
        Printed, both cases are multiplied by −Δ. For Δ < 0 that would raise α, which
        the paper's text wants to fall: the sign here is the text's.
    """
    change = tf.stop_gradient(change)
    chosen = tf.gather(log_prob, keyframe, batch_dims=1)  # log α: (B,)
    is_chosen = tf.one_hot(keyframe, tf.shape(mask)[1], True, False, dtype=tf.bool)
    others = mask & ~is_chosen  # (B, T)
    log_others = tf.reduce_logsumexp(
        tf.where(others, log_prob, log_prob.dtype.min), axis=1
    )  # log(1 − α)
    log_others = tf.where(tf.reduce_any(others, axis=1), log_others, 0.0)
    chosen, log_others = chosen[:, tf.newaxis], log_others[:, tf.newaxis]  # (B, 1)
    return -tf.abs(change) * tf.where(change > 0, chosen, log_others)
