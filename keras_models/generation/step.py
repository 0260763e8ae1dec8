"""`StepFn`, which is all that a search knows of a model, and helpers of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from keras_models.attention.weight_names import unique_names
from keras_models.structs import Context, State, StepOutput
from transform.records.vocabulary import PAD


class StepFn(Protocol):
    """A model's step: it reads a token and returns the next one's distribution.

    `Captioner.step` is one. R rows are independent; memory is never reordered.
    """

    def __call__(self, tokens: tf.Tensor, state: State, memory: Any) -> StepOutput:
        """Reads (R,) int32 ids and returns a `StepOutput`."""


def batch_size(state: State) -> tf.Tensor:
    """Returns the batch size of a decoder's state, ()."""
    leaves = tf.nest.flatten(state)
    if not leaves:
        raise ValueError("a search needs a state with at least one tensor")
    return tf.shape(leaves[0])[0]


def named_weights(contexts: Sequence[Context]) -> dict[str, tf.Tensor]:
    """Returns a step's attention weights; a repeated name becomes `<name>_2`."""
    return unique_names(context.weights for context in contexts)


def mask_padding(weights: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Sets (…, L, ·) weights to 0 where (…, L) tokens are <pad>."""
    mask = tokens != PAD
    for _ in range(weights.shape.rank - tokens.shape.rank):
        mask = mask[..., tf.newaxis]
    return tf.where(mask, weights, 0)


Arrays = dict[str, tf.TensorArray]


def new_arrays(weights: dict[str, tf.Tensor], length: int) -> Arrays:
    """Returns empty arrays for the (R, ·) weights of `length` steps."""
    return {
        name: tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape)
        for name, leaf in weights.items()
    }


def write(
    arrays: Arrays, time: tf.Tensor | int, weights: dict[str, tf.Tensor]
) -> Arrays:
    """Writes one step's weights and returns the arrays."""
    return {name: arrays[name].write(time, leaf) for name, leaf in weights.items()}
