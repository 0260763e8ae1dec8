"""`TrainStep`: one update of a model's weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from keras_models.objectives.objective import StepCounters
from keras_models.structs import LossOutput, TrainingBatch
from keras_models.training.schedule import Schedule
from transform.common.config import ConfigError


class TrainStep:
    """Updates a model's weights once for each batch.

    It is made in the scope of the strategy that it runs under.

    Args:
        model: The built model to train.
        stage: Optimizer, learning rate and further settings of the update.
        objective: The loss of the model on a batch.
        counters: Counters of the run; each update counts one step.
        steps: Number of steps of the whole stage, which the learning rate's schedule
            spans.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        stage: Schedule,
        objective: Callable[[Any, TrainingBatch], LossOutput],
        counters: StepCounters,
        steps: int,
    ):
        self._model = model
        self._stage = stage
        self._objective = objective
        self._counters = counters
        self._steps = steps
        self._strategy = tf.distribute.get_strategy()
        self._weights = trained_weights(model, stage)
        self.rate_scale = tf.Variable(1.0, trainable=False)
        self.optimizer: Any = stage.optimizer.build(self.rate)
        # Variables that appear while a function is traced make it be traced twice.
        self.optimizer._create_all_weights(self._weights)
        self._scales_loss = model.compute_dtype == "float16"
        if self._scales_loss:
            self.optimizer = tf.keras.mixed_precision.LossScaleOptimizer(self.optimizer)
        self._update: Callable[..., dict[str, tf.Tensor]] = tf.function(
            self._distributed_step, autograph=False
        )

    def rate(self) -> tf.Tensor:
        """Returns the current learning rate, () float32."""
        return self.rate_scale * self._stage.learning_rate.at(
            self._counters.step, self._steps
        )

    def __call__(self, batch: TrainingBatch) -> dict[str, float]:
        """Updates the weights; returns the loss and the objective's metrics."""
        return {name: float(value) for name, value in self._update(batch).items()}

    def reset_state(self) -> None:
        """Sets the optimizer's slots to 0, as before the first update."""
        optimizer = (
            self.optimizer.inner_optimizer if self._scales_loss else self.optimizer
        )
        for variable in optimizer.variables():
            variable.assign(tf.zeros_like(variable))

    def _distributed_step(self, batch: TrainingBatch) -> dict[str, tf.Tensor]:
        values = self._strategy.run(self._replica_step, (batch,))
        self._counters.step.assign_add(1)
        mean = tf.distribute.ReduceOp.MEAN
        return {
            name: self._strategy.reduce(mean, value, axis=None)
            for name, value in values.items()
        }

    def _replica_step(self, batch: TrainingBatch) -> dict[str, tf.Tensor]:
        """Takes one replica's part; all replicas apply the sum of their gradients."""
        weights, optimizer, stage = self._weights, self.optimizer, self._stage
        with tf.GradientTape() as tape:
            output = self._objective(self._model, batch)
            loss = (
                output.loss + stage.l2 * penalty(weights) if stage.l2 else output.loss
            )
            share = loss / self._strategy.num_replicas_in_sync
            if self._scales_loss:
                share = optimizer.get_scaled_loss(share)
        gradients = tape.gradient(
            share, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # An embedding's gradient holds a row for each time a word occurs; only the
        # dense one has the true norm.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        replica = tf.distribute.get_replica_context()
        gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self._scales_loss:
            gradients = optimizer.get_unscaled_gradients(gradients)
        norm = tf.linalg.global_norm(gradients)
        if stage.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, stage.clip_norm, norm)
        optimizer.apply_gradients(
            zip(gradients, weights, strict=True),
            experimental_aggregate_gradients=False,
        )
        values = {"loss": loss, **output.metrics}
        if not self._scales_loss:  # a step whose gradients overflow float16 is left out
            values["gradient_norm"] = norm
        return values


def trained_weights(model: tf.keras.Model, stage: Schedule) -> list[tf.Variable]:
    """Returns the trainable weights that the stage does not freeze.

    Raises:
        ConfigError: A pattern fits no weight, or all weights are frozen.
    """
    weights = model.trainable_variables
    names = [  # less the model's own name, which counts up
        weight.name.partition("/")[2].partition(":")[0] for weight in weights
    ]
    for pattern in stage.frozen:
        if not any(re.search(pattern, name) for name in names):
            raise ConfigError(
                f"stage {stage.name}: frozen = {pattern!r} fits no weight; there are "
                f"{', '.join(names)}."
            )
    trained = [
        weight
        for name, weight in zip(names, weights, strict=True)
        if not any(re.search(pattern, name) for pattern in stage.frozen)
    ]
    if not trained:
        raise ConfigError(f"stage {stage.name} freezes every weight.")
    return trained


def penalty(weights: Sequence[tf.Variable]) -> tf.Tensor:
    """Returns half the sum of all weights' squares, biases included, () float32."""
    return tf.add_n([tf.nn.l2_loss(weight) for weight in weights])
