"""Layouts of a dense layer's kernel for products with a few rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Optional

import tensorflow as tf

from keras_models.layers.projection import InferenceKernel, Projection

Layout = Callable[[tf.Tensor, Optional[tf.Tensor]], InferenceKernel]

BLOCK = 128  # columns; a multiple of 16, or the kernel is copied before each product


@contextlib.contextmanager
def packed_kernels(model: tf.Module, layout: Layout | None = None) -> Iterator[None]:
    """Lets a built model's projections read packed kernels inside of the context.

    Generation multiplies a few rows by the same kernels at every word, and reading the
    kernels takes most of the time. A packed copy is read once, in order, as fast as
    memory gives it.

    Args:
        model: The model whose projections of more than `BLOCK` units are changed.
        layout: Makes a packed copy of a kernel and a bias; by default in the precision
            that the projection computes in.
    """
    layers: list[Any] = [
        layer
        for layer in model.submodules
        if isinstance(layer, Projection) and layer.built and layer.units > BLOCK
    ]
    try:
        for layer in layers:
            kernel = tf.cast(layer.kernel, layer.compute_dtype)
            bias = tf.cast(layer.bias, kernel.dtype) if layer.use_bias else None
            default = TransposedKernel if kernel.dtype == tf.bfloat16 else BlockedKernel
            layer.set_inference_kernel((layout or default)(kernel, bias))
        yield
    finally:
        for layer in layers:
            layer.set_inference_kernel(None)


class BlockedKernel:
    """A kernel (D, N) stored as (P, D, 128): P contiguous blocks of columns.

    The batched product of such blocks is one that oneDNN computes without copying the
    kernel first, as it does with a whole one.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        width, self.units = kernel.shape
        count = -(-self.units // BLOCK)
        padded = tf.pad(kernel, [[0, 0], [0, count * BLOCK - self.units]])
        blocks = tf.reshape(padded, [width, count, BLOCK])
        self.kernel = frozen_variable(tf.transpose(blocks, [1, 0, 2]))
        self.bias = None if bias is None else frozen_variable(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies inputs (…, D) by the kernel and adds the bias: (…, N)."""
        count, width, _ = self.kernel.shape
        rows = tf.reshape(inputs, [1, -1, width])
        products = tf.matmul(rows, self.kernel)  # (P, R, 128)
        products = tf.reshape(tf.transpose(products, [1, 0, 2]), [-1, count * BLOCK])
        return add_bias_and_reshape(products[:, : self.units], self.bias, inputs)


class TransposedKernel:
    """A kernel (D, N) stored as (1, N, D), for products in bfloat16.

    oneDNN multiplies neighbouring pairs of a column, which then are neighbours in
    memory. In a batch of one, TensorFlow fuses no bias into the product, for which
    oneDNN would copy the kernel first.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        self.kernel = frozen_variable(tf.transpose(kernel)[tf.newaxis])
        self.bias = None if bias is None else frozen_variable(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies inputs (…, D) by the kernel and adds the bias: (…, N)."""
        rows = tf.reshape(inputs, [1, -1, inputs.shape[-1]])
        (products,) = tf.unstack(tf.matmul(rows, self.kernel, transpose_b=True))
        return add_bias_and_reshape(products, self.bias, inputs)


def frozen_variable(value: tf.Tensor) -> tf.Variable:
    """Returns a variable that is saved with a graph and never trained."""
    return tf.Variable(value, trainable=False)


def add_bias_and_reshape(
    products: tf.Tensor, bias: tf.Variable | None, inputs: tf.Tensor
) -> tf.Tensor:
    """Adds a bias to (R, N) products and gives them the inputs' leading axes: (…, N).

    Args:
        products: One row for every row of the inputs.
        bias: (N,), or None.
        inputs: (…, D), whose axes before the last the result has.
    """
    if bias is not None:
        products = tf.nn.bias_add(products, bias)
    if inputs.shape.rank > 2:
        shape = tf.concat([tf.shape(inputs)[:-1], tf.shape(products)[1:]], axis=0)
        products = tf.reshape(products, shape)
    return tf.ensure_shape(products, [*inputs.shape[:-1], products.shape[-1]])
