"""What holds for every layer, whatever it computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from transform.common.config import Config


def check_layer(
    layer: tf.keras.layers.Layer,
    call: Callable[[], Any],
    *,
    shapes: Any,
    config: Config | None = None,
) -> None:
    """Asserts a layer's contract.

    Args:
        layer: The layer.
        call: Calls it on random inputs; returns a nest of tensors.
        shapes: The same nest with the outputs' shapes.
        config: What it was built from: it must survive its own JSON.
    """
    if config is not None:
        assert type(config).from_json(config.to_json()) == config
    with tf.GradientTape() as tape:
        output = call()
        loss = tf.add_n(
            [
                tf.reduce_sum(leaf * tf.random.stateless_normal(leaf.shape, [1, index]))
                for index, leaf in enumerate(tf.nest.flatten(output))
                if leaf.dtype.is_floating
            ]
        )
    found = tf.nest.map_structure(lambda leaf: tuple(leaf.shape), output)
    tf.nest.assert_same_structure(found, shapes)
    assert tf.nest.flatten(found) == tf.nest.flatten(shapes)
    names = [weight.name for weight in layer.trainable_weights]
    assert len(set(names)) == len(names), f"two weights share a name: {names}"
    gradients = tape.gradient(loss, layer.trainable_weights)
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {weight.name}"
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.all(np.isfinite(gradient)), weight.name
        assert np.any(gradient), f"the gradient of {weight.name} is zero"


def assert_same_where(mask: np.ndarray, first: Any, second: Any) -> None:
    """Asserts that two nests of (B, T, …) tensors agree where (B, T) mask is True."""
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_array_equal(one.numpy()[mask], other.numpy()[mask])
