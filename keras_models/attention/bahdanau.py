"""Additive attention over the frames of a video."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from keras_models.attention.base import LinearAttention
from keras_models.attention.item_attention import AttentionMemory, ItemAttention
from keras_models.attention.sources import Frames
from keras_models.layers.additive_score import AdditiveScore
from keras_models.structs import EncodedVideo
from keras_models.weight_axes import EncodedSources, NamedAxes
from transform.common.config import Config, Field


class AdditiveConfig(Config):
    """Temporal attention by a one-layer network (MGSA Sec. 3.3)."""

    kind: Literal["additive"] = "additive"
    units: int = Field(512, ge=1)  # not given in the paper

    def build(self, name: str = "attention") -> AdditiveAttention:
        """Returns the layer that this configuration describes."""
        return AdditiveAttention(self.units, name=name)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: the encoder's frames."""
        return Frames().weight_axes(sources)


class AdditiveAttention(ItemAttention, LinearAttention):
    """Additive attention over frames (Bahdanau et al., 2015).

        β = softmax_n(w^T tanh(W q + U v_n + b)) ,  G = Σ_n β_n v_n

    v_n are the encoder's `frames`: in MGSA (Eq. 9, 11) Ga_n, in VATEX-2019 (Chen et
    al., 2019, Eq. 2, 3) V^t_n, where the score has no b. The encoder's `frame_streams`
    are weighed with the same β and concatenated to G, but take no part in β. The keys
    U v_n + b are computed once per video.

    Returns:
        `Context` with `vector` (B, C) and `weights["temporal"]` β (B, T), all 0 for a
        video without a single frame.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(Frames(), AdditiveScore(units, name="energy"), **kwargs)

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> AttentionMemory:
        """Returns the frames of a batch of videos, with the streams in their values."""
        values = tf.concat([encoded.frames, *encoded.frame_streams], axis=-1)
        return super().prepare(encoded, training)._replace(values=values)

    def project(
        self, memory: AttentionMemory, projection: Callable[[tf.Tensor], tf.Tensor]
    ) -> AttentionMemory:
        """Returns the memory with W v in place of the values v."""
        return memory._replace(values=projection(memory.values))
