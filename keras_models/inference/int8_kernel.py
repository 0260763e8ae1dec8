"""A dense layer's kernel in eight bits, for products at every word."""

from __future__ import annotations

import platform

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.python.framework import kernels

from keras_models.inference.kernel_layouts import add_bias_and_reshape, frozen_variable
from transform.common.errors import KinescribeError

LEVELS = 127  # on either side of zero
ZERO = 128  # the level of zero among inputs, which oneDNN takes without a sign
TINY = 1e-30
OPERATION = "_FusedQuantizedConv2D"  # private to TensorFlow: see `check_int8_supported`


def check_int8_supported() -> None:
    """Checks that this TensorFlow can multiply in eight bits on this machine.

    Raises:
        KinescribeError: The processor is no x86, or TensorFlow has no CPU kernel of the
            operation, which is private and comes with oneDNN.
    """
    machine = platform.machine()
    registered = kernels.get_registered_kernels_for_op(OPERATION).kernel
    if machine not in ("x86_64", "AMD64") or not any(
        kernel.device_type == "CPU" for kernel in registered
    ):
        raise KinescribeError(
            f"int8 needs TensorFlow's operation {OPERATION} on x86, and TensorFlow "
            f"{tf.__version__} on {machine} does not have it; choose float32."
        )


class Int8Kernel:
    """A kernel (D, N) of which every column is int8, and inputs likewise.

        s_rn = Σ_d round(127 x_rd / m_r) round(127 W_dn / m_n)
        y_rn = s_rn m_r m_n / 127² + b_n

    where m_r is the largest |x| of a row at run time, and m_n the largest |W| of
    a column. The sums s are exact, and so the same on all processors: those without
    VNNI add two products in 16 bits, into which 2 · 255 · 127 would not fit, and so
    each row is multiplied as two halves.

    The product is oneDNN's convolution of pixels, which TensorFlow has on x86: the one
    operation there that keeps the layout which oneDNN wants of a variable. The kernel
    is packed when it is first multiplied; later changes go unnoticed. For graphs only.

    Raises:
        KinescribeError: TensorFlow lacks the operation on this machine.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        check_int8_supported()
        self.width, self.units = kernel.shape
        largest = tf.maximum(tf.reduce_max(tf.abs(kernel), axis=0), TINY)
        levels = tf.cast(tf.round(kernel * (LEVELS / largest)), tf.int8)
        zeros = ZERO // 2 * tf.reduce_sum(tf.cast(levels, tf.int32), axis=0)
        filters = tf.reshape(levels, [1, 1, self.width, self.units])
        self.kernel = frozen_variable(tf.bitcast(filters, tf.qint8))
        self.shift = frozen_variable(tf.bitcast(-zeros, tf.qint32))
        self.scale = frozen_variable(largest / LEVELS**2)
        self.bias = None if bias is None else frozen_variable(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies inputs (…, D) by the kernel and adds the bias: (…, N)."""
        rows = inputs
        if inputs.shape.rank > 2:
            rows = tf.reshape(inputs, [-1, self.width])
        largest = tf.reduce_max(tf.abs(rows), axis=1, keepdims=True)
        largest = tf.maximum(largest, TINY)
        # A cast drops what is behind the point: a half more, and it rounds.
        levels = tf.cast(rows * (LEVELS / largest) + (ZERO + 0.5), tf.uint8)
        products = tf.cast(self._sums(levels), tf.float32) * largest * self.scale
        return add_bias_and_reshape(products, self.bias, inputs)

    def _sums(self, levels: tf.Tensor) -> tf.Tensor:
        """Returns the exact sums (R, N) int32 of levels (R, D) uint8."""
        half = levels // 2  # to 127, and the other one to 128
        halves = tf.concat([half, levels - half], axis=0)
        pixels = tf.reshape(halves, [1, 1, -1, self.width])
        limits = 0.0, float(2 * ZERO - 1), -float(LEVELS), float(LEVELS)
        convolution = tf.compat.v1.get_default_graph().create_op(
            OPERATION,
            [
                tf.bitcast(pixels, tf.quint8),
                self.kernel.read_value(),
                self.shift.read_value(),
                *[tf.constant(limit) for limit in limits],
            ],
            [tf.qint32, tf.float32, tf.float32],
            name="sums",
            attrs={
                "Tsummand": AttrValue(type=tf.qint32.as_datatype_enum),  # no summand
                "Tdevice_inputs": _types(tf.quint8, tf.qint8, tf.qint32),
                "Thost_inputs": _types(*[tf.float32] * len(limits)),
                "Tdevice_outputs": _types(tf.qint32),
                "Thost_outputs": _types(tf.float32, tf.float32),
                "strides": AttrValue(list=AttrValue.ListValue(i=[1, 1, 1, 1])),
                "padding": AttrValue(s=b"VALID"),
                "fused_ops": AttrValue(list=AttrValue.ListValue(s=[b"BiasAdd"])),
                "is_filter_const": AttrValue(b=True),  # it is packed once
            },
        )
        sums = tf.bitcast(convolution.outputs[0], tf.int32)
        return tf.reduce_sum(tf.reshape(sums, [2, -1, self.units]), axis=0)


def _types(*kinds: tf.DType) -> AttrValue:
    types = [kind.as_datatype_enum for kind in kinds]
    return AttrValue(list=AttrValue.ListValue(type=types))
