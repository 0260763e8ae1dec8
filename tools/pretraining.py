"""What the tools that train the built-in networks have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from transform.moving_world import render
from transform.moving_world.scenes import Scene, Shot

Moment = tuple[Shot, float]  # a shot, and the time in it from 0 to 1


def train(
    model: tf.keras.Model,
    loss: Callable[[Any, Any], tf.Tensor],
    batches: Iterator[Any],
    steps: int,
) -> None:
    """Trains with Adam, whose rate falls to zero along a cosine.

    Args:
        model: reads `batch.frames`, in float32.
        loss: of the model's answers and a batch.
        batches: named tuples of arrays with a field `frames`.
        steps: how many of them.
    """
    rate = tf.keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=3e-3, warmup_steps=steps // 20
    )
    optimizer = tf.keras.optimizers.Adam(rate)

    @tf.function
    def step(batch: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(model(tf.cast(batch.frames, tf.float32), training=True), batch)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return value

    begun = time.perf_counter()
    for number, batch in enumerate(batches, 1):
        value = step(tf.nest.map_structure(tf.constant, batch))
        if number % 100 == 0 or number == steps:
            seconds = time.perf_counter() - begun
            print(f"step {number}/{steps}  loss {value:.3f}  {seconds:.0f} s")
        if number == steps:
            return


def folded(model: tf.keras.Model, layers: Iterable[str]) -> dict[str, np.ndarray]:
    """Returns the weights of layers whose normalisations become part of them.

    Args:
        model: for every layer without a bias, it has one called `<layer>_norm`.
        layers: their names.

    Returns:
        `<layer>/kernel` and `<layer>/bias`.
    """
    values = {}
    for name in layers:
        (kernel,) = model.get_layer(name).get_weights()
        norm = model.get_layer(f"{name}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        gain = gamma / np.sqrt(variance + norm.epsilon)
        values[f"{name}/kernel"] = kernel * gain
        values[f"{name}/bias"] = beta - mean * gain
    return values


def moments(scene: Scene, fps: int) -> list[Moment]:
    """Returns the moment of each frame of a scene's clip."""
    return [
        (shot, number / (total - 1))
        for shot in scene.shots
        for total in [render.frame_count(shot, fps)]
        for number in range(total)
    ]
