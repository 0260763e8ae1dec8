"""Objectives: the losses that captioners are trained on."""

from __future__ import annotations

from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.first_pass import FirstPassCrossEntropy
from keras_models.objectives.frozen_key_frames import FrozenKeyFrames
from keras_models.objectives.key_frame import KeyFrame
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.objective import (
    Objective,
    ObjectiveContext,
    StepCounters,
)
from keras_models.objectives.reduction import CaptionSum, Reduction, WordMean
from keras_models.objectives.rewards import RewardConfig
from keras_models.objectives.scheduled_sampling import (
    ConstantSampling,
    InverseSigmoidSampling,
    SamplingRule,
)
from keras_models.objectives.self_critical import (
    Baseline,
    GreedyBaseline,
    LeaveOneOutBaseline,
    SelfCritical,
)

__all__ = [
    "Baseline",
    "CaptionSum",
    "ConstantSampling",
    "CrossEntropy",
    "FirstPassCrossEntropy",
    "FrozenKeyFrames",
    "GreedyBaseline",
    "InverseSigmoidSampling",
    "KeyFrame",
    "LeaveOneOutBaseline",
    "MultiSample",
    "Objective",
    "ObjectiveContext",
    "Reduction",
    "RewardConfig",
    "SamplingRule",
    "SelfCritical",
    "StepCounters",
    "WordMean",
]
