"""Placeholder for models without a recurrence between attention maps."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from transform.common.config import Config


class IdentityRecurrenceConfig(Config):
    """The initial attention maps without refinement: the ablation of GARU."""

    kind: Literal["direct"] = "direct"

    def build(self) -> IdentityRecurrence:
        """Returns the layer that this configuration describes."""
        return IdentityRecurrence(name="direct")


class IdentityRecurrence(tf.keras.layers.Layer):
    """Returns the initial maps, A_n = A^r_n, in the place of GARU.

    Call arguments:
        initial_maps: (B, T, S).
        summary: (B, T, D), unused.
        frame_mask: (B, T) bool, unused.

    Returns:
        `initial_maps`.
    """

    def call(
        self, initial_maps: tf.Tensor, summary: tf.Tensor, frame_mask: tf.Tensor
    ) -> tf.Tensor:
        del summary, frame_mask
        return initial_maps
