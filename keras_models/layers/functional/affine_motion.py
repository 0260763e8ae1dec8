"""Affine motion of a key frame: direction, expansion, rotation and speed."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

STILL = 0.01  # mean |f| of a picture that counts as still, in units of full scale


def affine_motion(flow: tf.Tensor) -> tf.Tensor:
    """Summarises optical flow by its affine part, weighed by speed.

    Because of the weights, the size of what moves does not matter. With f(p) the mean
    of the M fields at cell p, c = Σ|f| p / Σ|f| the centre of what moves, and
    r = p − c:

        direction   Σ f / Σ|f|                     in x (right) and y (down)
        expansion   Σ f · r/|r| / Σ|f|             1 grows, −1 shrinks
        rotation    Σ (r/|r| × f) / Σ|f|           1 clockwise, −1 counter-clockwise
        speed       tanh(Σ|f| / (4 · cells · STILL))

    All lie in [−1, 1], and go to 0 where hardly anything moves.

    Args:
        flow: (…, rows, columns, 2M) planes x_1, y_1, … in [−1, 1].

    Returns:
        (…, 5) of `flow`'s dtype.
    """
    rows, columns, planes = flow.shape[-3:]
    # The means of every other plane, as a product: slices with strides are slow.
    means = np.zeros([planes, 2])
    means[0::2, 0] = means[1::2, 1] = 2 / planes
    fields = tf.tensordot(flow, tf.constant(means, flow.dtype), axes=1)
    x, y = tf.unstack(fields, axis=-1)  # (…, rows, columns)
    speed = tf.sqrt(x * x + y * y + 1e-12)
    at_y, at_x = (tf.constant(axis, flow.dtype) for axis in np.mgrid[0:rows, 0:columns])

    def total(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(values, axis=[-2, -1])  # (…,)

    mass = total(speed)
    known = tf.math.divide_no_nan(tf.ones_like(mass), mass)
    from_x = at_x - (total(speed * at_x) * known)[..., tf.newaxis, tf.newaxis]
    from_y = at_y - (total(speed * at_y) * known)[..., tf.newaxis, tf.newaxis]
    away = tf.math.rsqrt(from_x * from_x + from_y * from_y + 1e-6)
    floor = mass + rows * columns * STILL
    sums = [
        total(x),
        total(y),
        total((x * from_x + y * from_y) * away),
        total((from_x * y - from_y * x) * away),
    ]
    shares = [value / floor for value in sums]
    return tf.stack([*shares, tf.tanh(mass / (4 * rows * columns * STILL))], axis=-1)
