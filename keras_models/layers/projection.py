"""A dense layer whose product can be computed by an inference kernel."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

InferenceKernel = Callable[[tf.Tensor], tf.Tensor]


class Projection(tf.keras.layers.Dense):
    """Dense layer for inputs that change at every word of a caption.

    It is `tf.keras.layers.Dense` with one hook: after `set_inference_kernel`, another
    callable computes the product with the kernel. `keras_models.inference` has such
    callables, which read packed copies of the kernel.
    """

    inference_kernel: InferenceKernel | None = None

    def set_inference_kernel(self, kernel: InferenceKernel | None) -> None:
        """Replaces the product x W + b, or restores the layer's own with None.

        Args:
            kernel: Maps inputs (…, D) to (…, N) with the bias added. The activation is
                applied to what it returns. Its variables are no weights of the layer.
        """
        self.inference_kernel = kernel

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.inference_kernel is None:
            return super().call(inputs)
        outputs = self.inference_kernel(inputs)
        return outputs if self.activation is None else self.activation(outputs)
