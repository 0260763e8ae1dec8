"""Interface of attentions to the cells of all frames."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.attention.weight_names import Weights
from keras_models.layers.additive_score import AdditiveScore


class AttentionOutput(NamedTuple):
    """The result of attending to a video for one word."""

    vector: tf.Tensor  # (R, D), or (R, T, D) of a pooling of each frame's cells
    weights: Weights
    losses: dict[str, tf.Tensor]  # each (R,)


class CellAttention(tf.keras.layers.Layer, abc.ABC):
    """Attends to the cells of frames once per word.

    `prepare` computes what does not depend on the word: keys, a nest of tensors with
    the batch on axis 0. Several captions of a clip read its cells at once: there are
    R = B · K of them, see `clip_rows`.

    Call arguments:
        query: (R, Q), the language state.
        cells: (B, T, S, D), 0 where masked.
        mask: (B, T, S) bool.
        keys: The result of `prepare`.

    Returns:
        `AttentionOutput` of the width D of the cells. Its vector is (R, D) of the whole
        clip or, of a spatial pooling, (R, T, D); 0 for clips and frames without cells.
    """

    @abc.abstractmethod
    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> Any:
        """Returns the keys of a batch of clips."""
        raise NotImplementedError

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: Any
    ) -> AttentionOutput:
        raise NotImplementedError


class AdditiveCellAttention(CellAttention):
    """Cell attention whose scores are additive and whose keys are the cells' own.

    Args:
        units: The width A of the score's hidden layer.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the keys (B, T, S, A) of all cells."""
        del mask
        with tf.name_scope(self.name):
            return self.energy.keys(cells)
