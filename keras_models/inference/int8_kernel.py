"""A dense layer's kernel in eight bits, for what is multiplied at every word."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue

from keras_models.inference.kernel_layouts import finished, stored

LEVELS = 127  # on either side of zero
ZERO = 128  # the level of zero among inputs, which oneDNN takes without a sign
TINY = 1e-30


class QuantisedKernel:
    """A kernel (D, N) of which every column is int8, and inputs likewise.

        s_rn = Σ_d round(127 x_rd / m_r) round(127 W_dn / m_n)
        y_rn = s_rn m_r m_n / 127² + b_n

    where m_r is the largest |x| of a row, found as it comes, and m_n the largest |W| of
    a column. The sums s are exact on processors with VNNI; on older ones, sums of two
    products saturate at 16 bits.

    The product is oneDNN's convolution of pixels, which TensorFlow has on x86: the one
    operation there that keeps the layout which oneDNN wants of a variable. It is laid
    out when it is first multiplied; later changes go unnoticed. For graphs only.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor | None):
        self.width, self.units = kernel.shape
        largest = tf.maximum(tf.reduce_max(tf.abs(kernel), axis=0), TINY)
        levels = tf.cast(tf.round(kernel * (LEVELS / largest)), tf.int8)
        zeros = ZERO * tf.reduce_sum(tf.cast(levels, tf.int32), axis=0)
        filters = tf.reshape(levels, [1, 1, self.width, self.units])
        self.kernel = stored(tf.bitcast(filters, tf.qint8))
        self.shift = stored(tf.bitcast(-zeros, tf.qint32))
        self.scale = stored(largest / LEVELS**2)
        self.bias = None if bias is None else stored(bias)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(…, D) → (…, N)."""
        rows = inputs
        if inputs.shape.rank > 2:
            rows = tf.reshape(inputs, [-1, self.width])
        largest = tf.reduce_max(tf.abs(rows), axis=1, keepdims=True)
        largest = tf.maximum(largest, TINY)
        # A cast drops what is behind the point: a half more, and it rounds.
        levels = tf.cast(rows * (LEVELS / largest) + (ZERO + 0.5), tf.uint8)
        found = tf.cast(self._sums(levels), tf.float32) * largest * self.scale
        return finished(found, self.bias, inputs)

    def _sums(self, levels: tf.Tensor) -> tf.Tensor:
        """(R, D) uint8 → (R, N) int32."""
        pixels = tf.reshape(levels, [1, 1, -1, self.width])
        limits = 0.0, float(2 * ZERO - 1), -float(LEVELS), float(LEVELS)
        convolution = tf.compat.v1.get_default_graph().create_op(
            "_FusedQuantizedConv2D",
            [
                tf.bitcast(pixels, tf.quint8),
                self.kernel.read_value(),
                self.shift.read_value(),
                *[tf.constant(limit) for limit in limits],
            ],
            [tf.qint32, tf.float32, tf.float32],
            name="sums",
            attrs={
                "Tsummand": AttrValue(type=tf.qint32.as_datatype_enum),  # there is none
                "Tdevice_inputs": _types(tf.quint8, tf.qint8, tf.qint32),
                "Thost_inputs": _types(*[tf.float32] * len(limits)),
                "Tdevice_outputs": _types(tf.qint32),
                "Thost_outputs": _types(tf.float32, tf.float32),
                "strides": AttrValue(list=AttrValue.ListValue(i=[1, 1, 1, 1])),
                "padding": AttrValue(s=b"VALID"),
                "fused_ops": AttrValue(list=AttrValue.ListValue(s=[b"BiasAdd"])),
                "is_filter_const": AttrValue(b=True),  # it is laid out once
            },
        )
        return tf.reshape(
            tf.bitcast(convolution.outputs[0], tf.int32), [-1, self.units]
        )


def _types(*kinds: tf.DType) -> AttrValue:
    types = [kind.as_datatype_enum for kind in kinds]
    return AttrValue(list=AttrValue.ListValue(type=types))
