"""Cross-entropy of both steps of VRE, with key frames that stay."""

from __future__ import annotations

from typing import Literal

from keras_models.captioner import Captioner
from keras_models.objectives.objective import Objective, ObjectiveContext, StepCounters
from keras_models.objectives.scheduled_sampling import ConstantSampling, SamplingRule
from keras_models.objectives.two_pass import two_pass_loss
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config


class FrozenKeyFrames(Config):
    """L^STEP2_xe + L^STEP1_xe on the key frames of the best model before the stage.

    With constant key frames the encoder need not suit ever new ones (Shi et al., 2019,
    Sec. 4.2).
    """

    kind: Literal["kept_key_frames"] = "kept_key_frames"
    scheduled_sampling: SamplingRule = ConstantSampling()

    def build(self, context: ObjectiveContext) -> FrozenKeyFramesObjective:
        """The objective."""
        return FrozenKeyFramesObjective(self, context.counters)


class FrozenKeyFramesObjective(Objective):
    """See `FrozenKeyFrames`."""

    def __init__(self, config: FrozenKeyFrames, counters: StepCounters):
        super().__init__(name="kept_key_frames")
        self._config = config
        self._counters = counters

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Teacher-forces the captions after each of the clips' two summaries."""
        rule, epoch = self._config.scheduled_sampling, self._counters.epoch
        steps = two_pass_loss(captioner, batch, rule, epoch)
        return LossOutput(steps.loss, steps.metrics)

    def on_stage_begin(self, captioner: Captioner) -> None:
        """Keeps the key frames that the captioner chooses now."""
        captioner.encoder.set_training_phase("frozen")
