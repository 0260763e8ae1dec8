"""No recurrence between attention maps."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from transform.common.config import Config


class IdentityRecurrenceConfig(Config):
    """The rough attention maps are used as they are: the ablation of GARU."""

    kind: Literal["direct"] = "direct"

    def build(self) -> IdentityRecurrence:
        """The layer."""
        return IdentityRecurrence(name="direct")


class IdentityRecurrence(tf.keras.layers.Layer):
    """A_n = A^r_n: what stands in GARU's place in the rows without it.

    Call arguments:
        rough: (B, T, S).
        summary: (B, T, D), unused.
        frame_mask: (B, T) bool, unused.

    Returns:
        `rough`.
    """

    def call(
        self, rough: tf.Tensor, summary: tf.Tensor, frame_mask: tf.Tensor
    ) -> tf.Tensor:
        del summary, frame_mask
        return rough
