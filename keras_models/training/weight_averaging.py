"""Weights for evaluation: the latest ones, or their moving average."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field


class LatestWeights(Config):
    """Evaluates the weights of the last update."""

    kind: Literal["latest"] = "latest"

    def build(self, weights: Sequence[tf.Variable]) -> Average:
        """Returns an average that keeps nothing."""
        del weights
        return Average()


class MovingAverage(Config):
    """Evaluates an exponential moving average, which smooths the last updates' noise.

        average ← d · average + (1 − d) · weight,  d = min(decay, (1 + n) / (10 + n))

    after update n, as in `tf.train.ExponentialMovingAverage` with `num_updates`: early
    averages forget the first weights faster. Averages are what is validated, kept as
    the best weights and exported; updates go on from the weights themselves.
    """

    kind: Literal["moving"] = "moving"
    # share of the former average that a step keeps
    decay: float = Field(0.999, gt=0, lt=1)

    def build(self, weights: Sequence[tf.Variable]) -> Average:
        """Returns averages that equal the weights until the first update."""
        return _MovingAverage(weights, self.decay)


Averaging = Annotated[Union[LatestWeights, MovingAverage], BY_KIND]


class Average(tf.Module):
    """Evaluates the trained weights themselves; base class of averages.

    It is a `tf.Module`, so that the variables of an average enter the checkpoints.
    """

    def reset(self) -> None:
        """Called when training starts from other weights."""

    def update(self) -> None:
        """Called after every update of the weights."""

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """Has the model hold the weights for evaluation inside the block."""
        yield


class _MovingAverage(Average):
    """The averages of `MovingAverage`, made in the scope of the training strategy."""

    def __init__(self, weights: Sequence[tf.Variable], decay: float):
        super().__init__(name="average")
        self._pairs = [
            (weight, tf.Variable(weight, trainable=False)) for weight in weights
        ]
        self._decay = decay
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False)

    def reset(self) -> None:
        """Sets the averages equal to the weights."""
        self._updates.assign(0)
        for weight, average in self._pairs:
            average.assign(weight)

    @tf.function(autograph=False)
    def update(self) -> None:
        """Moves the averages towards the weights."""
        count = tf.cast(self._updates.assign_add(1), tf.float32)
        decay = tf.minimum(self._decay, (1 + count) / (10 + count))
        for weight, average in self._pairs:
            average.assign(decay * average + (1 - decay) * weight)

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """Has the model hold the averages inside the block, its own weights after."""
        values = [weight.numpy() for weight, _ in self._pairs]
        for weight, average in self._pairs:
            weight.assign(average)
        try:
            yield
        finally:
            for (weight, _), value in zip(self._pairs, values, strict=True):
                weight.assign(value)
