"""A dense layer for what is multiplied at every word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

PANEL = 128  # columns; a multiple of 16, or the kernel is copied before each product


class Projection(tf.keras.layers.Dense):
    """`tf.keras.layers.Dense` that a search can read fast.

    A search multiplies a few rows by the same kernels at every word, and what takes
    time is reading the kernels. Where they are `laid_out`, each is read once, in order,
    as fast as memory gives it.
    """

    panels: Panels | None = None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.panels is None:
            return super().call(inputs)
        outputs = self.panels.product(inputs)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


class Panels:
    """A kernel (D, N) as (P, D, 128): P runs of neighbouring columns, each contiguous.

    The batched product of such panels is one that oneDNN computes without copying the
    kernel first, as it does with a whole one.
    """

    def __init__(self, kernel: tf.Tensor):
        width, self.units = kernel.shape
        count = -(-self.units // PANEL)
        padded = tf.pad(kernel, [[0, 0], [0, count * PANEL - self.units]])
        panels = tf.reshape(padded, [width, count, PANEL])
        self.kernel = tf.Variable(tf.transpose(panels, [1, 0, 2]), trainable=False)

    def product(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        count, width, _ = self.kernel.shape
        rows = tf.reshape(inputs, [1, -1, width])
        found = tf.matmul(rows, self.kernel)  # (P, R, 128)
        found = tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, count * PANEL])
        found = found[:, : self.units]
        if inputs.shape.rank > 2:
            shape = tf.concat([tf.shape(inputs)[:-1], [self.units]], axis=0)
            found = tf.reshape(found, shape)
        return tf.ensure_shape(found, [*inputs.shape[:-1], self.units])


@contextlib.contextmanager
def laid_out(model: tf.Module) -> Iterator[None]:
    """Lets a built model's projections read panels: copies, for as long as it lasts."""
    layers: list[Any] = [
        layer
        for layer in model.submodules
        if isinstance(layer, Projection) and layer.built and layer.units > PANEL
    ]
    try:
        for layer in layers:
            layer.panels = Panels(tf.cast(layer.kernel, layer.compute_dtype))
        yield
    finally:
        for layer in layers:
            layer.panels = None
