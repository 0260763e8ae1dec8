"""Cross-entropy of VRE's first step alone."""

from __future__ import annotations

from typing import Literal

from keras_models.captioner import Captioner
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.structs import LossOutput, TrainingBatch
from transform.common.config import Config


class FirstPassCrossEntropy(Config):
    """L^STEP1_xe: a model that reads clips once, from their middle.

    VRE's baseline (Shi et al., 2019, Sec. 4.2), which the second step is learnt from.
    """

    kind: Literal["first_step"] = "first_step"
    cross_entropy: CrossEntropy = CrossEntropy()

    def build(self, context: ObjectiveContext) -> FirstPassObjective:
        """The objective."""
        return FirstPassObjective(self, context)


class FirstPassObjective(Objective):
    """See `FirstPassCrossEntropy`."""

    def __init__(self, config: FirstPassCrossEntropy, context: ObjectiveContext):
        super().__init__(name="first_step")
        self._cross_entropy = config.cross_entropy.build(context)

    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """In this phase the encoder's summary is o1."""
        return self._cross_entropy(captioner, batch)

    def on_stage_begin(self, captioner: Captioner) -> None:
        """From here on clips are read once."""
        captioner.encoder.set_training_phase("first_pass")
