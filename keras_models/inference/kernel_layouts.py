"""A dense layer's kernel, laid out for products with a few rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import tensorflow as tf

Layout = Callable[[tf.Tensor, Optional[tf.Tensor]], Callable[[tf.Tensor], tf.Tensor]]

PANEL = 128  # columns; a multiple of 16, or the kernel is copied before each product


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
        self.kernel = stored(tf.transpose(panels, [1, 0, 2]))
        self.bias = None if bias is None else stored(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        count, width, _ = self.kernel.shape
        rows = tf.reshape(inputs, [1, -1, width])
        found = tf.matmul(rows, self.kernel)  # (P, R, 128)
        found = tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, count * PANEL])
        return finished(found[:, : self.units], self.bias, inputs)


class Transposed:
    """A kernel (D, N) as (1, N, D), for bfloat16.

    oneDNN multiplies neighbouring pairs of a column, which then are neighbours in
    memory. In a batch of one, TensorFlow fuses no bias into the product, for which
    oneDNN would copy the kernel first.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        self.kernel = stored(tf.transpose(kernel)[tf.newaxis])
        self.bias = None if bias is None else stored(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        rows = tf.reshape(inputs, [1, -1, inputs.shape[-1]])
        (found,) = tf.unstack(tf.matmul(rows, self.kernel, transpose_b=True))
        return finished(found, self.bias, inputs)


def stored(value: tf.Tensor) -> tf.Variable:
    """What a layout keeps; it is not trained."""
    return tf.Variable(value, trainable=False)


def finished(
    found: tf.Tensor, bias: tf.Variable | None, inputs: tf.Tensor
) -> tf.Tensor:
    """(R, N) products and a bias → (…, N), as the inputs (…, D) are."""
    if bias is not None:
        found = tf.nn.bias_add(found, bias)
    if inputs.shape.rank > 2:
        shape = tf.concat([tf.shape(inputs)[:-1], tf.shape(found)[1:]], axis=0)
        found = tf.reshape(found, shape)
    return tf.ensure_shape(found, [*inputs.shape[:-1], found.shape[-1]])
