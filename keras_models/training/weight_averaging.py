"""Which weights count: the latest ones, or a moving average of all so far."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config, Field


class LatestWeights(Config):
    """Those of the last update."""

    kind: Literal["latest"] = "latest"

    def build(self, weights: Sequence[tf.Variable]) -> Average:
        """Nothing to keep."""
        del weights
        return Average()


class MovingAverage(Config):
    """An exponential moving average, which smooths the last updates' noise.

        average ← d · average + (1 − d) · weight,  d = min(decay, (1 + n) / (10 + n))

    after update n, as in `tf.train.ExponentialMovingAverage` with `num_updates`: early
    averages forget the first weights faster. Averages are what is validated, kept as
    the best weights and exported; updates go on from the weights themselves.
    """

    kind: Literal["moving"] = "moving"
    decay: float = Field(0.999, gt=0, lt=1)

    def build(self, weights: Sequence[tf.Variable]) -> Average:
        """The averages, which are equal to the weights as yet."""
        return _MovingAverage(weights, self.decay)


Averaging = Annotated[Union[LatestWeights, MovingAverage], BY_KIND]


class Average(tf.Module):
    """The weights that count are those that are trained.

    A `tf.Module`: what an average keeps enters the checkpoints.
    """

    def reset(self) -> None:
        """Told when training sets out from other weights."""

    def update(self) -> None:
        """Told after every update of the weights."""

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """Has the model hold the weights that count."""
        yield


class _MovingAverage(Average):
    """See `MovingAverage`. To be made in the scope of the strategy that trains."""

    def __init__(self, weights: Sequence[tf.Variable], decay: float):
        super().__init__(name="average")
        self._pairs = [
            (weight, tf.Variable(weight, trainable=False)) for weight in weights
        ]
        self._decay = decay
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False)

    def reset(self) -> None:
        """The averages are equal to the weights."""
        self._updates.assign(0)
        for weight, average in self._pairs:
            average.assign(weight)

    @tf.function(autograph=False)
    def update(self) -> None:
        """Moves the averages a little."""
        count = tf.cast(self._updates.assign_add(1), tf.float32)
        decay = tf.minimum(self._decay, (1 + count) / (10 + count))
        for weight, average in self._pairs:
            average.assign(decay * average + (1 - decay) * weight)

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """The model holds the averages inside of the block, its own weights after."""
        own = [weight.numpy() for weight, _ in self._pairs]
        for weight, average in self._pairs:
            weight.assign(average)
        try:
            yield
        finally:
            for (weight, _), value in zip(self._pairs, own, strict=True):
                weight.assign(value)
