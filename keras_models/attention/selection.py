"""Which of several vectors an attention reads: their weighted sum, or one drawn."""

from __future__ import annotations

import abc
import random
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config


class SelectionWeights(NamedTuple):
    """How much is taken of each item."""

    shares: tf.Tensor  # (B, N) float32: ψ is the sum of the items times these
    weights: tf.Tensor  # (B, N) float32: softmax of the energies, 0 where masked
    log_prob: tf.Tensor  # (B,) float32, of the shares; 0 if they follow from weights


class Selection(tf.keras.layers.Layer, abc.ABC):
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
    ) -> SelectionWeights:
        raise NotImplementedError


class SoftConfig(Config):
    """A weighted sum of all items (dualAFR Eq. 8)."""

    kind: Literal["soft"] = "soft"

    def build(self, name: str) -> Soft:
        """The layer."""
        return Soft(name=name)


class Soft(Selection):
    """Every item's share is its weight."""

    def call(
        self, energies: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> SelectionWeights:
        del training
        weights = masked_softmax(energies, mask)
        return SelectionWeights(weights, weights, tf.zeros_like(weights[:, 0]))


class HardConfig(Config):
    """One item alone (dualAFR Eq. 9)."""

    kind: Literal["hard"] = "hard"

    def build(self, name: str) -> Hard:
        """The layer."""
        return Hard(name=name)


class Hard(Selection):
    """m ~ Mult(1, α) takes all; its log-probability is log α_m (Pu et al., 2018).

    No gradient flows through the draw, only through `log_prob`. As in `Dropout`, the
    random generator is saved in checkpoints and seeded from Python's `random`.

    Notes:
        The paper does not say what happens outside training. There the likeliest item
        is taken, so that a clip has one caption and not another one at every request.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self._generator = tf.random.Generator.from_seed(random.getrandbits(31))

    def call(
        self, energies: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> SelectionWeights:
        energies = tf.cast(energies, tf.float32)
        log_weights = tf.nn.log_softmax(tf.where(mask, energies, energies.dtype.min))
        if training:
            seed = self._generator.make_seeds()[:, 0]
            draws = tf.random.stateless_categorical(log_weights, 1, seed)
            item = draws[:, 0]  # (B,)
        else:
            item = tf.argmax(log_weights, axis=-1)
        one = tf.one_hot(item, tf.shape(mask)[1], True, False, dtype=tf.bool) & mask
        log_prob = tf.reduce_sum(tf.where(one, log_weights, 0.0), axis=-1)
        return SelectionWeights(
            shares=tf.ensure_shape(tf.cast(one, tf.float32), energies.shape),
            weights=tf.where(mask, tf.exp(log_weights), 0.0),
            log_prob=log_prob,
        )
