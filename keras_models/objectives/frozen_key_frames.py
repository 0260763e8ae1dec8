"""Cross-entropy of both passes of VRE, with key frames that no longer change."""

from __future__ import annotations

from typing import Literal

from keras_models.captioner import Captioner
from keras_models.objectives.objective import Objective, ObjectiveContext, StepCounters
from keras_models.objectives.scheduled_sampling import ConstantSampling, SamplingRule
from keras_models.objectives.two_pass import two_passes
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config


class FrozenKeyFrames(Config):
    """L^STEP2_xe + L^STEP1_xe on the key frames of the best model before the stage.

    With constant key frames the encoder need not adapt to changing ones (Shi et al.,
    2019, Sec. 4.2).
    """

    kind: Literal["kept_key_frames"] = "kept_key_frames"
    # how often a word is read that the model drew itself
    scheduled_sampling: SamplingRule = ConstantSampling()

    def build(self, context: ObjectiveContext) -> FrozenKeyFramesObjective:
        """Returns the objective that this configuration describes."""
        return FrozenKeyFramesObjective(self, context.counters)


class FrozenKeyFramesObjective(Objective):
    """Computes the loss that a `FrozenKeyFrames` configuration describes."""

    def __init__(self, config: FrozenKeyFrames, counters: StepCounters):
        super().__init__(name="kept_key_frames")
        self._config = config
        self._counters = counters

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the cross-entropy of the captions after both passes, added up."""
        rule, epoch = self._config.scheduled_sampling, self._counters.epoch
        return two_passes(captioner, batch, rule, epoch).output

    def on_stage_begin(self, captioner: Captioner) -> bool:
        """Freezes the key frames that the captioner chooses at this point."""
        return captioner.encoder.set_training_phase("frozen")
