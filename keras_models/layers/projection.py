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

    fast: Panels | Transposed | None = None

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
        self.bias = _stored(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        count, width, _ = self.kernel.shape
        rows = tf.reshape(inputs, [1, -1, width])
        found = tf.matmul(rows, self.kernel)  # (P, R, 128)
        found = tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, count * PANEL])
        return _finished(found[:, : self.units], self.bias, inputs)


class Transposed:
    """A kernel (D, N) as (1, N, D), for bfloat16.

    oneDNN multiplies neighbouring pairs of a column, which then are neighbours in
    memory. In a batch of one, TensorFlow fuses no bias into the product, for which
    oneDNN would copy the kernel first.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        self.kernel = tf.Variable(tf.transpose(kernel)[tf.newaxis], trainable=False)
        self.bias = _stored(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        rows = tf.reshape(inputs, [1, -1, inputs.shape[-1]])
        (found,) = tf.unstack(tf.matmul(rows, self.kernel, transpose_b=True))
        return _finished(found, self.bias, inputs)


def _stored(bias: tf.Tensor | None) -> tf.Variable | None:
    return None if bias is None else tf.Variable(bias, trainable=False)


def _finished(
    found: tf.Tensor, bias: tf.Variable | None, inputs: tf.Tensor
) -> tf.Tensor:
    """(R, N) products and a bias → (…, N), as the inputs (…, D) are."""
    if bias is not None:
        found = tf.nn.bias_add(found, bias)
    if inputs.shape.rank > 2:
        shape = tf.concat([tf.shape(inputs)[:-1], tf.shape(found)[1:]], axis=0)
        found = tf.reshape(found, shape)
    return tf.ensure_shape(found, [*inputs.shape[:-1], found.shape[-1]])


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
            kind = Transposed if kernel.dtype == tf.bfloat16 else Panels
            layer.fast = kind(kernel, bias)
        yield
    finally:
        for layer in layers:
            layer.fast = None
