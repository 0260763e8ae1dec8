"""One way of looking at the cells of all frames."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import tensorflow as tf


class AttentionOutput(NamedTuple):
    """What a look at a video gave for one word."""

    vector: tf.Tensor  # (B, D)
    weights: dict[str, tf.Tensor]
    losses: dict[str, tf.Tensor]  # each (B,)


class CellAttention(tf.keras.layers.Layer, abc.ABC):
    """Turns the cells of all frames into one vector, once per word.

    `prepare` computes what does not depend on the word: keys, a nest of tensors with
    the batch on axis 0.

    Call arguments:
        query: (B, Q), the language state.
        cells: (B, T, S, D), 0 where masked.
        mask: (B, T, S) bool.
        keys: The result of `prepare`.

    Returns:
        `AttentionOutput` of the width D of the cells; 0 for a clip without any cell.
    """

    @abc.abstractmethod
    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> Any:
        """Cells and mask → keys."""
        raise NotImplementedError

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: Any
    ) -> AttentionOutput:
        raise NotImplementedError
