"""What every choice among items is."""

from __future__ import annotations

import abc
from typing import NamedTuple

import tensorflow as tf


class Chosen(NamedTuple):
    """How much is taken of each item."""

    shares: tf.Tensor  # (B, N) float32: ψ is the sum of the items times these
    weights: tf.Tensor  # (B, N) float32: softmax of the energies, 0 where masked
    log_prob: tf.Tensor  # (B,) float32, of the shares; 0 if they follow from weights


class Choice(tf.keras.layers.Layer, abc.ABC):
    """ψ({x_i}, {α_i}) of dualAFR (Pu et al., 2018, Eq. 5, 7), in terms of shares.

    Call arguments:
        energies: (B, N).
        mask: (B, N) bool, the items that are there.
        training: Whether what is random is drawn.

    Returns:
        `Chosen`; all 0 for a clip without a single item.
    """

    @abc.abstractmethod
    def call(
        self, energies: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> Chosen:
        raise NotImplementedError
