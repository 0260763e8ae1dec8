"""Attention sources: what an attention can attend to in an encoded video."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import tensorflow as tf

from keras_models.attention.weight_names import (
    Weights,
    cell_weight_axes,
    cell_weights,
)
from keras_models.structs import EncodedVideo
from keras_models.weight_axes import EncodedSources, NamedAxes, Source, WeightAxes
from transform.common.config import Config, Field


class AttentionItems(NamedTuple):
    """Items that an attention weighs against each other, numbered by axes N…."""

    features: tf.Tensor  # (B, N…, F), what the keys are made of
    values: tf.Tensor  # (B, N…, D…), what is summed
    mask: tf.Tensor  # (B, N…) bool


class AttentionSource(Protocol):
    """Says which items of an encoded video are attended."""

    def items(self, encoded: EncodedVideo) -> AttentionItems:
        """Returns the items of a batch of videos."""

    def name_weights(self, weights: tf.Tensor) -> Weights:
        """Returns the items' weights (B, N…) under the names that plots know."""


class Frames(Config):
    """The frames of the encoder: N = T (VRE's AttT)."""

    kind: Literal["frames"] = "frames"

    def items(self, encoded: EncodedVideo) -> AttentionItems:
        """Returns the frames (B, T, D) as features and values."""
        return AttentionItems(encoded.frames, encoded.frames, encoded.frame_mask)

    def name_weights(self, weights: tf.Tensor) -> Weights:
        """Names the weights (B, T) "temporal"."""
        return {"temporal": weights}

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about."""
        return {"temporal": WeightAxes(axes=("word", "step"), source=sources.frames)}


class Grid(Config):
    """The cells of one grid, those of all steps as one set: N = T · S (VRE's AttS)."""

    kind: Literal["cells"] = "cells"
    grid: int = Field(0, ge=0)  # index among the encoder's grids

    def items(self, encoded: EncodedVideo) -> AttentionItems:
        """Returns the cells (B, T · S, D) as features and values."""
        cells, mask = grid_of(encoded, self.grid)  # (B, T, S, D)
        _, steps, count, width = cells.shape
        flat = [tf.shape(cells)[0], -1 if steps is None else steps * count]
        values = tf.reshape(cells, [*flat, width])
        return AttentionItems(values, values, tf.reshape(mask, flat))

    def name_weights(self, weights: tf.Tensor) -> Weights:
        """Names the weights (B, T · S) "spatial"."""
        return {"spatial": weights}

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: cells of a grid of one step."""
        source = source_of(sources, self.grid)
        return {"spatial": WeightAxes(axes=("word", "cell"), source=source)}


class Levels:
    """The locations of all grids: a cell and what every level says of it."""

    def items(self, encoded: EncodedVideo) -> AttentionItems:
        """Returns the locations: N… = T, S, with values (B, T, S, L, D) of L levels."""
        if not encoded.grids:
            raise ValueError(
                "attention to locations needs grids; the encoder gives none"
            )
        return AttentionItems(
            features=tf.concat(encoded.grids, axis=-1),
            values=tf.stack(encoded.grids, axis=3),
            mask=tf.reduce_any(tf.stack(encoded.grid_masks, axis=-1), axis=-1),
        )

    def level_mask(self, encoded: EncodedVideo) -> tf.Tensor:
        """Returns which levels (B, L) a clip has anywhere."""
        return tf.reduce_any(tf.stack(encoded.grid_masks, axis=-1), axis=[1, 2])

    def name_weights(self, weights: tf.Tensor) -> Weights:
        """Names the weights (B, T, S) "spatial", their sums over a step "temporal"."""
        return cell_weights(weights)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: a location of all levels.

        It is told by the finest level, whose blocks have a place of their own.
        """
        finest = max(filter(None, sources.grids), key=lambda each: each.ratio)
        return cell_weight_axes(finest)


def grid_of(encoded: EncodedVideo, index: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the cells (B, T, S, D) of one of the encoder's grids, and their mask.

    Raises:
        ValueError: The encoder has no grid of this index.
    """
    if index >= len(encoded.grids):
        raise ValueError(
            f"attention looks at grid {index}; the encoder gives {len(encoded.grids)}"
        )
    return encoded.grids[index], encoded.grid_masks[index]


def source_of(sources: EncodedSources, index: int) -> Source | None:
    """Returns what one of the encoder's grids is made of, if that is known."""
    return sources.grids[index] if index < len(sources.grids) else None
