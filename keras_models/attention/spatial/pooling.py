"""What every spatial pooling is."""

from __future__ import annotations

import abc
from typing import NamedTuple

import tensorflow as tf


class SpatialMemory(NamedTuple):
    """What does not depend on the word."""

    cells: tf.Tensor  # (B, T, S, D)
    mask: tf.Tensor  # (B, T, S) bool
    keys: tuple[tf.Tensor, ...]


class SpatialPooling(tf.keras.layers.Layer, abc.ABC):
    """The spatial half of ST attention.

    Call arguments:
        query: (B, Q).
        memory: The result of `prepare`.

    Returns:
        x̂ (B, T, D), 0 for frames without cells, and the named weights of the cells.
    """

    @abc.abstractmethod
    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> SpatialMemory:
        """(B, T, S, D) cells and their (B, T, S) bool mask → memory."""
        raise NotImplementedError

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, memory: SpatialMemory
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        raise NotImplementedError
