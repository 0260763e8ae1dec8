"""What every level is."""

from __future__ import annotations

import abc
from typing import NamedTuple

import tensorflow as tf


class Aligned(NamedTuple):
    """A level's features on the common grid."""

    cells: tf.Tensor  # (B, T, S, D), 0 where masked
    mask: tf.Tensor  # (B, T, S) bool


class Level(tf.keras.layers.Layer, abc.ABC):
    """Brings the maps of one layer of a network onto a coarser grid: a_l → â_l.

    Call arguments:
        maps: (B, T_l, H_l, W_l, D_l), 0 where masked.
        mask: (B, T_l) bool.

    Returns:
        `Aligned`. What stands at masked steps, and how many of them there are, changes
        nothing for the clip's own ones.
    """

    @abc.abstractmethod
    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> Aligned:
        raise NotImplementedError


def masked(cells: tf.Tensor, mask: tf.Tensor) -> Aligned:
    """(B, T, S, D) cells of which only those count that (B, T, S) `mask` names."""
    return Aligned(tf.where(mask[..., tf.newaxis], cells, 0), mask)


def masked_steps(cells: tf.Tensor, mask: tf.Tensor) -> Aligned:
    """`masked`, where a (B, T) step is there with all its cells or with none."""
    there = tf.broadcast_to(mask[..., tf.newaxis], tf.shape(cells)[:3])
    return masked(cells, tf.ensure_shape(there, cells.shape[:3]))
