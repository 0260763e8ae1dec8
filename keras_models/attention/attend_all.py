"""Several attentions side by side, as a decoder has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.structs import Context, EncodedVideo, State


def prepare(
    attentions: Sequence[StepAttention], encoded: EncodedVideo, training: bool = False
) -> tuple[tuple[State, ...], tuple[Any, ...]]:
    """Returns every attention's state before the first word, and its memory."""
    states, memories = [], []
    for attention in attentions:
        with tf.name_scope(attention.name):
            states.append(attention.initial_state(encoded))
            memories.append(attention.prepare(encoded, training=training))
    return tuple(states), tuple(memories)


def attend(
    attentions: Sequence[StepAttention],
    query: tf.Tensor,
    memories: Sequence[Any],
    states: Sequence[State],
    training: bool = False,
) -> tuple[tuple[Context, ...], tuple[State, ...]]:
    """Calls every attention with one query (B, Q): their contexts and next states."""
    outputs = [
        attention(query, memory, state, training=training)
        for attention, memory, state in zip(attentions, memories, states, strict=True)
    ]
    contexts = tuple(context for context, _ in outputs)
    return contexts, tuple(state for _, state in outputs)
