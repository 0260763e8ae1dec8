"""What a search knows of a model, and what may come next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from keras_models.attention.weight_names import named_apart
from keras_models.structs import Context, State, StepOutput
from transform.records.vocabulary import EOS, PAD, UNK


class StepFn(Protocol):
    """One word read, the next one's distribution out.

    `Captioner.step` is one. R rows are independent; memory is never reordered.
    """

    def __call__(self, tokens: tf.Tensor, state: State, memory: Any) -> StepOutput:
        """(R,) int32 ids, state, memory → `StepOutput`."""


def rows_of(state: State) -> tf.Tensor:
    """The batch size of a state, ()."""
    leaves = tf.nest.flatten(state)
    if not leaves:
        raise ValueError("a search needs a state with at least one tensor")
    return tf.shape(leaves[0])[0]


def mask_invalid_tokens(log_probs: tf.Tensor, ending: tf.Tensor) -> tf.Tensor:
    """(…, V) with −∞ for <pad>, <bos> and <unk>; for all but <eos> where `ending`."""
    ids = tf.range(tf.shape(log_probs)[-1])
    allowed = (ids == EOS) | ((ids > UNK) & ~ending)
    return log_probs + tf.where(allowed, tf.constant(0, log_probs.dtype), -float("inf"))


def named_weights(contexts: Sequence[Context]) -> dict[str, tf.Tensor]:
    """The attention weights of a step; a name's second bearer becomes `<name>_2`."""
    return named_apart(context.weights for context in contexts)


def mask_padding(weights: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """(…, L, ·) weights, 0 where (…, L) tokens are <pad>."""
    mask = tokens != PAD
    for _ in range(weights.shape.rank - tokens.shape.rank):
        mask = mask[..., tf.newaxis]
    return tf.where(mask, weights, 0)


Arrays = dict[str, tf.TensorArray]


def new_arrays(weights: dict[str, tf.Tensor], length: int) -> Arrays:
    """`length` empty places for each step's (R, ·) weights."""
    return {
        name: tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape)
        for name, leaf in weights.items()
    }


def write(
    arrays: Arrays, time: tf.Tensor | int, weights: dict[str, tf.Tensor]
) -> Arrays:
    """The arrays with one step's weights written."""
    return {name: arrays[name].write(time, leaf) for name, leaf in weights.items()}
