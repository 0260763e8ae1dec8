"""What every spatial pooling is."""

from __future__ import annotations

import abc

import tensorflow as tf


class SpatialPooling(tf.keras.layers.Layer, abc.ABC):
    """The spatial half of ST attention.

    Call arguments:
        query: (B, Q).
        cells: (B, T, S, D), 0 where masked.
        mask: (B, T, S) bool.
        keys: The result of `prepare`, what does not depend on the word.

    Returns:
        x̂ (B, T, D), 0 for frames without cells, and the named weights of the cells.
    """

    @abc.abstractmethod
    def prepare(self, cells: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Cells and mask → keys."""
        raise NotImplementedError

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, cells: tf.Tensor, mask: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        raise NotImplementedError
