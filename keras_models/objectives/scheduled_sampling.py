"""Scheduled sampling: the rate at which a decoder is fed its own tokens."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field


class ConstantSampling(Config):
    """A constant probability of sampling (VRE: 0.25); 0 is plain teacher forcing."""

    kind: Literal["constant"] = "constant"
    probability: float = Field(0.0, ge=0, le=1)  # of reading the model's own word

    @property
    def active(self) -> bool:
        """Returns whether any token is ever sampled."""
        return self.probability > 0

    def at(self, epoch: tf.Tensor) -> tf.Tensor:
        """Returns the probability () float32 in an epoch (), counted from zero."""
        del epoch
        return tf.constant(self.probability)


class InverseSigmoidSampling(Config):
    """Teacher forcing that decays as η / (η + exp(p / η)) in epoch p (STaTS: 24)."""

    kind: Literal["inverse_sigmoid"] = "inverse_sigmoid"
    eta: float = Field(24.0, gt=0)  # STaTS: larger is slower

    @property
    def active(self) -> bool:
        """Returns whether any token is ever sampled."""
        return True

    def at(self, epoch: tf.Tensor) -> tf.Tensor:
        """Returns the probability () float32 in an epoch (), counted from zero."""
        eta = tf.constant(self.eta)
        # 1 − η / (η + e^(p/η)) = σ(p/η − log η), which does not overflow.
        return tf.sigmoid(tf.cast(epoch, tf.float32) / eta - tf.math.log(eta))


SamplingRule = Annotated[
    Union[ConstantSampling, InverseSigmoidSampling],
    BY_KIND,
]
