"""Soft attention."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from keras_models.attention.choice.choice import Choice, Chosen
from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config


class SoftConfig(Config):
    """A weighted sum of all items (dualAFR Eq. 8)."""

    kind: Literal["soft"] = "soft"

    def build(self, name: str) -> Soft:
        """The layer."""
        return Soft(name=name)


class Soft(Choice):
    """Every item's share is its weight."""

    def call(
        self, energies: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> Chosen:
        del training
        weights = masked_softmax(energies, mask)
        return Chosen(weights, weights, tf.zeros_like(weights[:, 0]))
