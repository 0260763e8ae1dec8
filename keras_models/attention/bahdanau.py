"""Additive attention over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention.base import LinearAttention
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.masking import masked_softmax
from keras_models.structs import Context, EncodedVideo, State
from transform.common.config import Config, Field


class AdditiveConfig(Config):
    """Temporal attention by a one-layer network (MGSA Sec. 3.3)."""

    kind: Literal["additive"] = "additive"
    units: int = Field(512, ge=1)  # not given in the paper

    def build(self, name: str = "attention") -> AdditiveAttention:
        """The layer."""
        return AdditiveAttention(self.units, name=name)


class AdditiveMemory(NamedTuple):
    """What does not depend on the word."""

    keys: tf.Tensor  # (B, T, A)
    values: tf.Tensor  # (B, T, C)
    mask: tf.Tensor  # (B, T) bool


class AdditiveAttention(LinearAttention):
    """β = softmax_n(w^T tanh(W q + U v_n + b)), G = Σ_n β_n v_n.

    Bahdanau et al. (2015), with v_n the encoder's `frames`: in MGSA (Eq. 9, 11) Ga_n,
    in VATEX-2019 (Chen et al., 2019, Eq. 2, 3) V^t_n, where the energy has no b. The
    encoder's `frame_streams` are weighed with the same β and concatenated to G, but
    take no part in β. The keys U v_n + b are computed once per video.

    Returns:
        `Context` with `vector` (B, C) and `weights["temporal"]` β (B, T), all 0 for a
        video without a single frame.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> AdditiveMemory:
        """The keys and values of a batch of videos."""
        del training
        values = tf.concat([encoded.frames, *encoded.frame_streams], axis=-1)
        return AdditiveMemory(
            self.energy.keys(encoded.frames), values, encoded.frame_mask
        )

    def project(
        self, memory: AdditiveMemory, projection: Callable[[tf.Tensor], tf.Tensor]
    ) -> AdditiveMemory:
        """The memory with W v in place of the values v; `projection` has no bias."""
        return memory._replace(values=projection(memory.values))

    def call(
        self,
        query: tf.Tensor,
        memory: AdditiveMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        del training
        energies = self.energy(query, memory.keys)  # (B, T)
        weights = masked_softmax(energies, memory.mask)  # Eq. 11
        vector = tf.einsum(  # Eq. 9
            "bt,btc->bc", tf.cast(weights, memory.values.dtype), memory.values
        )
        zeros = tf.zeros_like(weights[:, 0])
        return Context(vector, {"temporal": weights}, zeros, {}), state
