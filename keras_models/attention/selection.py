"""Soft and hard selection of what an attention takes of each item."""

from __future__ import annotations

import abc
import random
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from keras_models.layers.functional.masking import masked_softmax
from transform.common.config import Config


class SelectionWeights(NamedTuple):
    """Shares that an attention takes of its items, and their weights."""

    selection: tf.Tensor  # (B, N) float32: ψ is the sum of the items times these
    weights: tf.Tensor  # (B, N) float32: softmax of the scores, 0 where masked
    log_prob: tf.Tensor  # (B,) float32, of a selection that was drawn; otherwise 0


def select_all(scores: tf.Tensor, mask: tf.Tensor) -> SelectionWeights:
    """Takes of every item as much as its weight, the softmax of (B, N) scores."""
    weights = masked_softmax(scores, mask)
    return SelectionWeights(weights, weights, tf.zeros_like(weights[:, 0]))


class Selection(tf.keras.layers.Layer, abc.ABC):
    """Selects items by their scores: ψ({x_i}, {α_i}) (Pu et al., 2018, Eq. 5, 7).

    Call arguments:
        scores: (B, N).
        mask: (B, N) bool, the items that may be selected.
        training: Whether hard selection draws an item, in place of the likeliest.

    Returns:
        `SelectionWeights`; all 0 for a clip without a single item.
    """

    @abc.abstractmethod
    def call(
        self, scores: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> SelectionWeights:
        raise NotImplementedError


class SoftConfig(Config):
    """A weighted sum of all items (dualAFR Eq. 8)."""

    kind: Literal["soft"] = "soft"

    def build(self, name: str) -> Soft:
        """Returns the layer that this configuration describes."""
        return Soft(name=name)


class Soft(Selection):
    """Soft selection: of every item, as much as its weight."""

    def call(
        self, scores: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> SelectionWeights:
        del training
        return select_all(scores, mask)


class HardConfig(Config):
    """One item alone, drawn in training (dualAFR Eq. 9)."""

    kind: Literal["hard"] = "hard"

    def build(self, name: str) -> Hard:
        """Returns the layer that this configuration describes."""
        return Hard(name=name)


class Hard(Selection):
    """Hard selection: m ~ Mult(1, α) takes all, with log-probability log α_m.

    (Pu et al., 2018, Eq. 9.) No gradient flows through the draw, only through
    `log_prob`. As in `Dropout`, the random generator is saved in checkpoints and seeded
    from Python's `random`.

    Notes:
        The paper does not say what happens outside training. There the likeliest item
        is taken, so that a clip has one caption and not another one at every request.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self._generator = tf.random.Generator.from_seed(random.getrandbits(31))

    def call(
        self, scores: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> SelectionWeights:
        scores = tf.cast(scores, tf.float32)
        log_weights = tf.nn.log_softmax(tf.where(mask, scores, scores.dtype.min))
        if training:
            seed = self._generator.make_seeds()[:, 0]
            draws = tf.random.stateless_categorical(log_weights, 1, seed)
            item = draws[:, 0]  # (B,)
        else:
            item = tf.argmax(log_weights, axis=-1)
        one = tf.one_hot(item, tf.shape(mask)[1], True, False, dtype=tf.bool) & mask
        log_prob = tf.reduce_sum(tf.where(one, log_weights, 0.0), axis=-1)
        return SelectionWeights(
            selection=tf.ensure_shape(tf.cast(one, tf.float32), scores.shape),
            weights=tf.where(mask, tf.exp(log_weights), 0.0),
            log_prob=log_prob,
        )
