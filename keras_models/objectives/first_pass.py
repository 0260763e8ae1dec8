"""Cross-entropy of VRE's first pass alone, which trains its baseline."""

from __future__ import annotations

from typing import Literal

from keras_models.captioner import Captioner
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config


class FirstPassCrossEntropy(Config):
    """The cross-entropy L^STEP1_xe of a model that reads clips once.

    It trains VRE's baseline (Shi et al., 2019, Sec. 4.2), which reads clips from their
    middle and from which the second pass is learned.
    """

    kind: Literal["first_step"] = "first_step"
    cross_entropy: CrossEntropy = CrossEntropy()  # how the cross-entropy is computed

    def build(self, context: ObjectiveContext) -> FirstPassObjective:
        """Returns the objective that this configuration describes."""
        return FirstPassObjective(self, context)


class FirstPassObjective(Objective):
    """Computes the loss that `FirstPassCrossEntropy` describes."""

    def __init__(self, config: FirstPassCrossEntropy, context: ObjectiveContext):
        super().__init__(name="first_step")
        self._cross_entropy = config.cross_entropy.build(context)

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the cross-entropy; in this phase the encoder's summary is o1."""
        return self._cross_entropy(captioner, batch)

    def on_stage_begin(self, captioner: Captioner) -> bool:
        """Switches the encoder to the phase in which it reads clips once."""
        return captioner.encoder.set_training_phase("first_pass")
