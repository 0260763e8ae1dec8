"""Poolings over the cells of each frame, from (B, T, S, D) to (R, T, D)."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.attention.cell_attention import (
    AdditiveCellAttention,
    AttentionOutput,
    CellAttention,
)
from keras_models.layers.functional.attend import attend_frames, frame_sums
from keras_models.layers.functional.clip_rows import repeat_for_captions
from keras_models.layers.functional.masking import masked_mean, masked_softmax
from keras_models.layers.garu import GARUConfig, Recurrence
from keras_models.layers.projection import Projection
from keras_models.weight_axes import NamedAxes, Source, WeightAxes
from transform.common.config import Config, Field


class MeanSpatialPoolingConfig(Config):
    """The mean of a frame's cells, without spatial attention."""

    kind: Literal["cell_mean"] = "cell_mean"

    def build(self, name: str) -> MeanSpatialPooling:
        """Returns the layer that this configuration describes."""
        return MeanSpatialPooling(name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns nothing: there are no weights."""
        del source
        return {}


class MeanSpatialPooling(CellAttention):
    """Means x̂_n = (1/S) Σ_j x_nj over the unmasked cells of each frame.

    There are no weights to return.
    """

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the means (B, T, D) themselves, which no word changes."""
        return masked_mean(cells, mask, axis=2)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        del cells, mask
        return AttentionOutput(repeat_for_captions(keys, query), {}, {})


class PerFrameAttentionConfig(Config):
    """An attention map of its own for every frame: regions without a fixed grid."""

    kind: Literal["per_frame"] = "per_frame"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> PerFrameAttention:
        """Returns the layer that this configuration describes."""
        return PerFrameAttention(self.units, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        return {"spatial": WeightAxes(axes=("word", "step", "cell"), source=source)}


class PerFrameAttention(AdditiveCellAttention):
    """Additive attention to the cells of each frame by itself.

        e_n = softmax_j att(h, x_nj) ;  x̂_n = Σ_j e_nj x_nj

    (Cherian et al., 2020, Eq. 3.) Weights: "spatial" (R, T, S).
    """

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        frames, weights = attend_frames(self.energy(query, keys), cells, mask)
        return AttentionOutput(frames, {"spatial": weights}, {})


class SharedSpatialAttentionConfig(Config):
    """One attention map for all frames: cells of a fixed grid (STaTS Sec. 3.1.1)."""

    kind: Literal["shared_grid"] = "shared_grid"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> SharedSpatialAttention:
        """Returns the layer that this configuration describes."""
        return SharedSpatialAttention(self.units, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        return {"spatial": WeightAxes(axes=("word", "cell"), source=source)}


class SharedSpatialAttention(AdditiveCellAttention):
    """Attention with the same weights in every frame, from the cells' means over time.

        x̃_j = (1/N) Σ_n x_nj ;  e = softmax_j att(h, x̃_j) ;  x̂_n = Σ_j e_j x_nj

    (Cherian et al., 2020, Eq. 3 and the steps after it.) Weights: "spatial" (R, S).
    """

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the keys (B, S, A) of the cells' means over time."""
        return super().prepare(masked_mean(cells, mask), mask)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> AttentionOutput:
        scores = self.energy(query, keys)  # (R, S)
        present = repeat_for_captions(tf.reduce_any(mask, axis=1), query)
        weights = masked_softmax(scores, present)
        frames = frame_sums(weights[:, tf.newaxis], cells)  # (R, T, D)
        return AttentionOutput(frames, {"spatial": weights}, {})


class FrameMapsConfig(Config):
    """Maps of the frames that are refined from frame to frame (MGSA Table 2)."""

    kind: Literal["frame_maps"] = "frame_maps"
    units: int = Field(256, ge=1)  # of the hidden layer; not given in the paper
    recurrence: Recurrence = GARUConfig()  # from frame to frame

    def build(self, name: str) -> FrameMaps:
        """Returns the layer that this configuration describes."""
        return FrameMaps(self, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the cells belong to."""
        return {"spatial": WeightAxes(axes=("word", "step", "cell"), source=source)}


class FrameKeys(NamedTuple):
    """What no word changes of the maps' scores."""

    cells: tf.Tensor  # (B, T, S, A) W L_nj + V G_n + b
    summary: tf.Tensor  # (B, T, D), each frame's mean cell G


class FrameMaps(AdditiveCellAttention):
    """MGSA's "Spatial Attention": maps from cells and the decoder's state.

        A^r_nj = w^T tanh(W_h h + W L_nj + V G_n + b)
        A = GARU(A^r, G) ;  α_n = softmax_j(A_n) ;  Ga_n = Σ_j α_nj L_nj

    (Chen and Jiang, 2019, Table 2 and Eq. 6–8; without GARU A = A^r.) Weights:
    "spatial" (R, T, S), anew for each word. A frame of one cell is that cell, and its
    map is not refined.

    Notes:
        The paper calls the row "a simplified model of (Li, Zhao, and Lu 2017) with the
        propagation of spatial attention map removed", whose attention comes "from the
        regional features and recurrent states of the RNNs", and gives no equation. The
        model's only other RNN is the decoder, so h is what temporal attention is asked
        with, [h1_t, h2_{t−1}].
    """

    def __init__(self, config: FrameMapsConfig, **kwargs: Any):
        super().__init__(config.units, **kwargs)
        self.from_summary = Projection(config.units, use_bias=False, name="summary")
        self.recurrence = config.recurrence.build()

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> FrameKeys:
        """Returns the part of the scores that no word changes."""
        keys = super().prepare(cells, mask)
        summary = masked_mean(cells, mask, axis=2)
        with tf.name_scope(self.name):
            guided = tf.cast(self.from_summary(summary), keys.dtype)
        return FrameKeys(keys + guided[:, :, tf.newaxis], summary)

    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: FrameKeys
    ) -> AttentionOutput:
        maps = self.energy(query, keys.cells)  # A^r: (R, T, S)
        if cells.shape[2] > 1:
            frame_mask = repeat_for_captions(tf.reduce_any(mask, axis=2), query)
            summary = repeat_for_captions(keys.summary, query)
            maps = self.recurrence(maps, summary, frame_mask)
        frames, weights = attend_frames(maps, cells, mask)
        return AttentionOutput(frames, {"spatial": weights}, {})
