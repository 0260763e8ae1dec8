"""`ensemble`: one step function made of several models'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_models.generation.step import StepFn
from keras_models.structs import State, StepOutput


def ensemble(steps: Sequence[StepFn], weights: Sequence[float] | None = None) -> StepFn:
    """Returns a `StepFn` whose distribution is the weighted mean of its members'.

    State and memory are tuples with an entry for each member.

    Args:
        steps: The members' step functions; all share one vocabulary.
        weights: The members' weights, which are scaled to sum to 1. Equal by default.

    Returns:
        The `StepFn`, with the contexts of all members one after another.
    """
    weights = [1.0] * len(steps) if weights is None else list(weights)
    if not steps or len(weights) != len(steps) or min(weights) <= 0:
        raise ValueError(
            "an ensemble needs members and a positive weight for each; received "
            f"{len(steps)} members and weights {weights}"
        )
    log_weights = [math.log(weight / sum(weights)) for weight in weights]

    def step(tokens: tf.Tensor, state: State, memory: Any) -> StepOutput:
        outputs = [
            member(tokens, *parts)
            for member, *parts in zip(steps, state, memory, strict=True)
        ]
        weighted = [
            output.log_probs + log_weight
            for output, log_weight in zip(outputs, log_weights, strict=True)
        ]
        return StepOutput(
            tf.reduce_logsumexp(tf.stack(weighted), axis=0),  # (R, V)
            tuple(output.state for output in outputs),
            tuple(context for output in outputs for context in output.contexts),
        )

    return step
