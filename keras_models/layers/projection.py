"""A dense layer for what is multiplied at every word."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from keras_models.inference.kernel_layouts import PANEL, Layout, Panels, Transposed


class Projection(tf.keras.layers.Dense):
    """`tf.keras.layers.Dense` that a search can read fast.

    A search multiplies a few rows by the same kernels at every word, and what takes
    time is reading the kernels. Where they are `laid_out`, each is read once, in order,
    as fast as memory gives it.
    """

    fast: Callable[[tf.Tensor], tf.Tensor] | None = None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.fast is None:
            return super().call(inputs)
        outputs = self.fast(inputs)
        return outputs if self.activation is None else self.activation(outputs)


@contextlib.contextmanager
def laid_out(model: tf.Module, layout: Layout | None = None) -> Iterator[None]:
    """Lets a built model's projections read copies, for as long as it lasts.

    Args:
        model: Whose projections.
        layout: How a copy is made of a kernel and a bias; by default in the precision
            that the projection computes in.
    """
    layers: list[Any] = [
        layer
        for layer in model.submodules
        if isinstance(layer, Projection) and layer.built and layer.units > PANEL
    ]
    try:
        for layer in layers:
            kernel = tf.cast(layer.kernel, layer.compute_dtype)
            bias = tf.cast(layer.bias, kernel.dtype) if layer.use_bias else None
            usual = Transposed if kernel.dtype == tf.bfloat16 else Panels
            layer.fast = (layout or usual)(kernel, bias)
        yield
    finally:
        for layer in layers:
            layer.fast = None
