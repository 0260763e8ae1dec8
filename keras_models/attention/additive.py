"""Additive attention over time."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import pydantic
import tensorflow as tf

from keras_models.attention.step_attention import StepAttention
from keras_models.layers.masking import masked_softmax
from keras_models.structs import Context, EncodedVideo, State
from transform.config import Config


class AdditiveConfig(Config):
    """Temporal attention by a one-layer network (MGSA Sec. 3.3)."""

    kind: Literal["additive"] = "additive"
    units: int = pydantic.Field(512, ge=1)  # not given in the paper

    def build(self, name: str = "attention") -> AdditiveAttention:
        """The layer."""
        return AdditiveAttention(self.units, name=name)


class AdditiveMemory(NamedTuple):
    """What does not depend on the word."""

    keys: tf.Tensor  # (B, T, A)
    values: tf.Tensor  # (B, T, C)
    mask: tf.Tensor  # (B, T) bool


class AdditiveAttention(StepAttention):
    """β = softmax_n(w^T tanh(W q + U v_n + b)), G = Σ_n β_n v_n.

    Bahdanau et al. (2015); in MGSA Eq. 9 and 11 with v_n = Ga_n, the encoder's
    `frames`. Its `frame_streams` are weighed with the same β and concatenated to G, but
    take no part in β. The keys U v_n + b are computed once per video.

    Returns:
        `Context` with `vector` (B, C) and `weights["temporal"]` β (B, T), all 0 for a
        video without a single frame.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.key = tf.keras.layers.Dense(units, name="key")
        self.query = tf.keras.layers.Dense(units, use_bias=False, name="query")
        self.score = tf.keras.layers.Dense(1, use_bias=False, name="score")

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> AdditiveMemory:
        """The keys and values of a batch of videos."""
        del training
        values = tf.concat([encoded.frames, *encoded.frame_streams], axis=-1)
        return AdditiveMemory(self.key(encoded.frames), values, encoded.frame_mask)

    def call(
        self,
        query: tf.Tensor,
        memory: AdditiveMemory,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        del training
        hidden = tf.tanh(self.query(query)[:, tf.newaxis] + memory.keys)  # (B, T, A)
        energies = tf.squeeze(self.score(hidden), axis=-1)  # (B, T)
        weights = masked_softmax(energies, memory.mask)  # Eq. 11
        vector = tf.einsum(  # Eq. 9
            "bt,btc->bc", tf.cast(weights, memory.values.dtype), memory.values
        )
        zeros = tf.zeros_like(weights[:, 0])
        return Context(vector, {"temporal": weights}, zeros, {}), state
