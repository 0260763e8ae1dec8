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

    fast: Panels | Frozen | None = None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.fast is None:
            return super().call(inputs)
        outputs = self.fast(inputs)
        return outputs if self.activation is None else self.activation(outputs)


class Panels:
    """A kernel (D, N) as (P, D, 128): P runs of neighbouring columns, each contiguous.

    The batched product of such panels is one that oneDNN computes without copying the
    kernel first, as it does with a whole one.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        width, self.units = kernel.shape
        count = -(-self.units // PANEL)
        padded = tf.pad(kernel, [[0, 0], [0, count * PANEL - self.units]])
        panels = tf.reshape(padded, [width, count, PANEL])
        self.kernel = tf.Variable(tf.transpose(panels, [1, 0, 2]), trainable=False)
        self.bias = None if bias is None else tf.Variable(bias, trainable=False)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        count, width, _ = self.kernel.shape
        rows = tf.reshape(inputs, [1, -1, width])
        found = tf.matmul(rows, self.kernel)  # (P, R, 128)
        found = tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, count * PANEL])
        found = found[:, : self.units]
        if self.bias is not None:
            found = tf.nn.bias_add(found, self.bias)
        return _unfold(found, inputs)


class Frozen:
    """A kernel (D, N) that is a constant of the graph.

    oneDNN multiplies a bfloat16 kernel in an order of its own: a variable it rearranges
    before each product, a constant once, but only where a bias is added. One function
    holds the constant for all the graphs that call it.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        width, units = kernel.shape
        # A variable: a constant of zeros would be dropped, with its addition.
        bias = tf.zeros([units], kernel.dtype) if bias is None else bias
        self.bias = tf.Variable(bias, trainable=False)
        values = kernel.numpy()

        def product(rows: tf.Tensor) -> tf.Tensor:
            return tf.nn.bias_add(tf.matmul(rows, tf.constant(values)), self.bias)

        traced = tf.function(product, autograph=False)
        rows = tf.TensorSpec([None, width], kernel.dtype)
        self.product = traced.get_concrete_function(rows)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        return _unfold(self.product(rows), inputs)


def _unfold(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """(R, N) → (…, N), with all but the last axis of another tensor."""
    if like.shape.rank > 2:
        shape = tf.concat([tf.shape(like)[:-1], tf.shape(rows)[1:]], axis=0)
        rows = tf.reshape(rows, shape)
    return tf.ensure_shape(rows, [*like.shape[:-1], rows.shape[-1]])


@contextlib.contextmanager
def laid_out(model: tf.Module) -> Iterator[None]:
    """Lets a built model's projections read copies, for as long as it lasts."""
    layers: list[Any] = [
        layer
        for layer in model.submodules
        if isinstance(layer, Projection) and layer.built and layer.units > PANEL
    ]
    try:
        for layer in layers:
            kernel = tf.cast(layer.kernel, layer.compute_dtype)
            bias = tf.cast(layer.bias, kernel.dtype) if layer.use_bias else None
            kind = Frozen if kernel.dtype == tf.bfloat16 else Panels
            layer.fast = kind(kernel, bias)
        yield
    finally:
        for layer in layers:
            layer.fast = None
