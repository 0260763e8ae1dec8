"""Recurrences between the attention maps of frames: MGSA's GARU, and none."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import tensorflow as tf

from keras_models.layers.functional.scan import scan
from transform.common.config import BY_KIND, Config


class GARUConfig(Config):
    """Attention maps refined by the maps of earlier frames (MGSA Sec. 3.2)."""

    kind: Literal["garu"] = "garu"

    def build(self) -> GARU:
        """Returns the layer that this configuration describes."""
        return GARU(name="garu")


class GARU(tf.keras.layers.Layer):
    """Gated attention recurrent unit (Chen and Jiang, 2019, Eq. 6).

        r_n  = σ(W_r A^r_n + U_r h_{n−1} + V_r G_n)
        z_n  = σ(W_z A^r_n + U_z h_{n−1} + V_z G_n)
        h'_n = tanh(W_h A^r_n + r_n ⊙ U_h h_{n−1})
        h_n  = z_n ⊙ h_{n−1} + (1 − z_n) ⊙ h'_n ,  h_0 = 0

    The equations have no biases, and z keeps the old map where a GRU's would take the
    new one. Only the products with h_{n−1} are computed frame by frame.

    Call arguments:
        initial_maps: (B, T, S), the initial maps A^r, flattened.
        summary: (B, T, D), each frame's mean region feature G.
        frame_mask: (B, T) bool. A masked frame leaves the state as it was.

    Returns:
        (B, T, S): the refined maps A_n = h_n.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        cells = input_shape[-1]
        dense = tf.keras.layers.Dense
        self.from_rough = dense(3 * cells, use_bias=False, name="rough")
        self.from_summary = dense(2 * cells, use_bias=False, name="summary")
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (cells, 3 * cells), initializer="orthogonal"
        )
        super().build(input_shape)

    def call(
        self, initial_maps: tf.Tensor, summary: tf.Tensor, frame_mask: tf.Tensor
    ) -> tf.Tensor:
        cells = initial_maps.shape[-1]
        gates, candidate = tf.split(
            self.from_rough(initial_maps), [2 * cells, cells], axis=-1
        )
        gates += self.from_summary(summary)  # (B, T, 2S)

        def step(
            element: tuple[tf.Tensor, ...], state: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            gates, candidate, mask = element
            recurrent = tf.matmul(state, self.recurrent_kernel)  # (B, 3S)
            r, z = tf.split(tf.sigmoid(gates + recurrent[:, : 2 * cells]), 2, axis=-1)
            new = tf.tanh(candidate + r * recurrent[:, 2 * cells :])
            new = z * state + (1 - z) * new
            state = tf.where(mask[:, tf.newaxis], new, state)
            return state, state

        start = tf.zeros_like(initial_maps[:, 0])  # (B, S)
        maps, _ = scan(step, (gates, candidate, frame_mask), start)
        return maps


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


Recurrence = Annotated[Union[GARUConfig, IdentityRecurrenceConfig], BY_KIND]
