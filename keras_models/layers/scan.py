"""One recurrence over time, for nests of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

import os

Nest = Any


def scan(
    step: Callable[[Nest, Nest], tuple[Nest, Nest]], elements: Nest, state: Nest
) -> tuple[Nest, Nest]:
    """Applies `step(element, state) → (output, state)` along axis 1.

    Args:
        step: One time step; its elements and outputs have no time axis.
        elements: A nest of (B, T, …) tensors.
        state: A nest of (B, …) tensors: the state before the first step.

    Returns:
        The outputs as a nest of (B, T, …) tensors, and the state after the last step.
    """
    length = tf.nest.flatten(elements)[0].shape[1]
    if length is not None and not os.environ.get("SCAN_WHILE"):
        columns = [tf.unstack(leaf, axis=1) for leaf in tf.nest.flatten(elements)]
        outputs = []
        for column in zip(*columns, strict=True):
            output, state = step(tf.nest.pack_sequence_as(elements, column), state)
            outputs.append(output)
        return tf.nest.map_structure(lambda *o: tf.stack(o, axis=1), *outputs), state
    return _while(step, elements, state)


def _time_major(leaf):
    return tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])


def _while(step, elements, state):
    flat = [_time_major(leaf) for leaf in tf.nest.flatten(elements)]
    length = tf.shape(flat[0])[0]
    arrays = [
        tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape[1:]).unstack(leaf)
        for leaf in flat
    ]
    output, _ = step(
        tf.nest.pack_sequence_as(elements, [array.read(0) for array in arrays]), state
    )
    results = [
        tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape)
        for leaf in tf.nest.flatten(output)
    ]

    def body(time, state, results):
        element = tf.nest.pack_sequence_as(elements, [a.read(time) for a in arrays])
        output, state = step(element, state)
        results = [
            array.write(time, leaf)
            for array, leaf in zip(results, tf.nest.flatten(output), strict=True)
        ]
        return time + 1, state, results

    _, state, results = tf.while_loop(
        lambda time, *_: time < length,
        body,
        (0, state, results),
        maximum_iterations=length,
    )
    stacked = [_time_major(array.stack()) for array in results]
    return tf.nest.pack_sequence_as(output, stacked), state
