"""A recurrence over time for nests of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Nest = Any


def scan(
    step: Callable[[Nest, Nest], tuple[Nest, Nest]], elements: Nest, state: Nest
) -> tuple[Nest, Nest]:
    """Applies `step(element, state) → (output, state)` along axis 1.

    A `tf.while_loop`: its graph does not grow with time. Unrolled, a training step
    takes 7 % less CPU time at 16 words but twice as long to trace.

    Args:
        step: One time step; its elements and outputs have no time axis.
        elements: A nest of (B, T, …) tensors, T at least 1.
        state: A nest of (B, …) tensors: the state before the first step.

    Returns:
        The outputs as a nest of (B, T, …) tensors, and the state after the last step.
    """
    columns = [_swap(leaf) for leaf in tf.nest.flatten(elements)]  # (T, B, …)
    length = columns[0].shape[0] or tf.shape(columns[0])[0]
    sources = [
        tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape[1:]).unstack(leaf)
        for leaf in columns
    ]

    def pack(leaves: list[tf.Tensor]) -> Nest:
        return tf.nest.pack_sequence_as(elements, leaves)

    def body(time: tf.Tensor, state: Nest, results: list) -> tuple:
        output, state = step(pack([array.read(time) for array in sources]), state)
        leaves = tf.nest.flatten(output)
        results = [
            array.write(time, leaf) for array, leaf in zip(results, leaves, strict=True)
        ]
        return time + 1, state, results

    # The first step stands before the loop: it shows what an output is made of.
    output, state = step(pack([leaf[0] for leaf in columns]), state)
    results = [
        tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape).write(0, leaf)
        for leaf in tf.nest.flatten(output)
    ]
    _, state, results = tf.while_loop(
        lambda time, *_: time < length,
        body,
        (tf.constant(1), state, results),
        maximum_iterations=length - 1,
    )
    stacked = [_swap(array.stack()) for array in results]
    return tf.nest.pack_sequence_as(output, stacked), state


def _swap(leaf: tf.Tensor) -> tf.Tensor:
    """Swaps the time axis and the batch axis of a tensor."""
    return tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])
