"""The training loop: stages of epochs, from the first batch to the best weights."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_models.data.training_batches import TrainingBatches
from keras_models.objectives.objective import Objective, ObjectiveContext
from keras_models.training import checkpoints as run_folders
from keras_models.training.callbacks.callback import (
    Callback,
    CallbackList,
    StepEnd,
    TrainBegin,
    ValidationEnd,
)
from keras_models.training.callbacks.history import HistoryFiles
from keras_models.training.checkpoints import Checkpoints, TrainerState
from keras_models.training.distribution import is_chief
from keras_models.training.guards import Guards, TrainingError
from keras_models.training.schedule import Schedule
from keras_models.training.train_step import TrainStep, trained_weights
from keras_models.training.validation_result import ValidationMetrics, ValidationResult


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """A report on the weights that a new run begins with."""

    message: str = ""  # one sentence for a person; '' when there is nothing to say
    metrics: Mapping[str, float] | None = None  # only of weights worth keeping


class Trainer:
    """Trains a model in stages and keeps the weights that validate best.

    A run lives in a folder and may be killed at any moment: a trainer that is made
    anew from the same folder, settings and data goes on with the next step. On one CPU
    device the result is then the same bit for bit.

    A trainer is made and used in the scope of the strategy that distributes its steps.

    Args:
        model: The built model whose weights are trained.
        stages: The schedule of each stage; a stage starts from the best weights so far.
        objectives: For each stage, the function that builds its objective.
        context: The argument of these functions; its counters are the trainer's.
        batches: The training clips.
        validator: Computes the metrics of the model's current weights.
        monitor: Name of the metric that chooses the best weights; higher is better.
        folder: The run's folder, from `checkpoints.open_run`.
        seed: Seed of the random numbers that objectives draw.
        guards: Rules that detect a run which has gone wrong.
        checkpoint_steps: Number of steps between two checkpoints within an epoch.
        callbacks: Called in the chief process only, after `HistoryFiles`.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        stages: Sequence[Schedule],
        objectives: Sequence[Callable[[ObjectiveContext], Objective]],
        context: ObjectiveContext,
        batches: TrainingBatches,
        validator: Callable[[], ValidationResult],
        monitor: str,
        folder: str,
        *,
        seed: int,
        guards: Guards,
        checkpoint_steps: int,
        callbacks: Sequence[Callback] = (),
    ):
        chief = is_chief(tf.distribute.get_strategy())
        self._model = model
        self._stages = tuple(stages)
        self._objectives = tuple(objectives)
        self._context = context
        self._batches = batches
        self._validator = validator
        self._monitor = monitor
        self._folder = folder
        self._seed = seed
        self._guards = guards
        self._checkpoint_steps = checkpoint_steps
        self._callbacks = CallbackList([HistoryFiles(), *callbacks] if chief else [])
        self.state = TrainerState()
        self._checkpoints = Checkpoints(folder, model, self.state, writes=chief)

    @property
    def best(self) -> ValidationMetrics:
        """The metrics of the best weights so far."""
        return ValidationMetrics(self._monitor, self.state.best_metrics)

    def train(
        self, initialize: Callable[[], InitialWeights] = InitialWeights
    ) -> ValidationMetrics:
        """Takes all steps that are left; the model then has its best weights.

        Args:
            initialize: Gives the model its first weights. It is called in a new run
                only.

        Returns:
            The metrics of the best weights.

        Raises:
            TrainingError: A stage left no usable weights.
            CheckpointError: A checkpoint cannot be written or read.
        """
        try:
            self._begin(initialize)
            self._run_stages()
            self._checkpoints.restore_best()
        finally:
            self._callbacks.on_train_end()
        return self.best

    def _begin(self, initialize: Callable[[], InitialWeights]) -> None:
        """Finds out how far the run has come; a new one gets its first weights."""
        resumed = self._checkpoints.peek()
        names = [stage.name for stage in self._stages]
        counts = [self._steps(stage) for stage in self._stages]
        stages = tuple(zip(names, counts, strict=True))
        finished = sum(counts[: self.state.stage]) + (
            counts[self.state.stage]
            if self.state.stage_done
            else self.state.epoch * self._batches.steps_per_epoch + self.state.step
        )
        self._callbacks.on_train_begin(TrainBegin(self._folder, stages, finished))
        if resumed:
            self._callbacks.on_message(
                f"The run in {self._folder} goes on after {self.state.steps} steps."
            )
            return
        if difference := run_folders.difference_from_latest(self._folder):
            self._callbacks.on_message(
                f"A new run in {self._folder}: it differs from the one before in "
                f"{difference}."
            )
        initial = initialize()
        if initial.metrics is not None:
            self.state.best_metrics = dict(initial.metrics)
        if initial.message:
            self._callbacks.on_message(initial.message)
        self._checkpoints.save_best()

    def _run_stages(self) -> None:
        """Runs what is left of each stage, epoch by epoch and step by step."""
        model, counters, guards = self._model, self._context.counters, self._guards
        state, checkpoints, callbacks = self.state, self._checkpoints, self._callbacks
        strategy = tf.distribute.get_strategy()

        for index in range(state.stage + state.stage_done, len(self._stages)):
            if index > state.stage:
                self._require_usable_weights()
                state.begin_stage(index)

            # A stage: its objective, optimizer and average, restored or reset.
            stage = self._stages[index]
            objective = self._objectives[index](self._context)
            train_step = TrainStep(
                model, stage, objective, counters, self._steps(stage)
            )
            average = stage.averaging.build(trained_weights(model, stage))
            checkpoints.begin_stage(
                optimizer=train_step.optimizer,
                objective=objective,
                counters=counters,
                average=average,
            )
            if state.stage_begun:
                checkpoints.restore()
            else:
                checkpoints.restore_best()
                objective.on_stage_begin(model)
                average.reset()
                counters.restart(self._seed, index)
                state.stage_begun = True
            train_step.rate_scale.assign(state.rate_scale)

            while not state.stage_done:
                # An epoch: the steps that are left of it.
                started, problem = time.monotonic(), ""
                counters.epoch.assign(state.epoch)
                epochs = sum(earlier.epochs for earlier in self._stages[:index])
                batches = self._batches.epoch(epochs + state.epoch, state.step)
                for batch in strategy.experimental_distribute_dataset(batches):
                    values = train_step(batch)
                    average.update()
                    if problem := guards.check_step(values):
                        break
                    callbacks.on_step_end(
                        StepEnd(stage.name, state.epoch, state.steps, values)
                    )
                    state.end_step(values)
                    if state.steps % self._checkpoint_steps == 0:
                        checkpoints.save()
                log: dict[str, Any] = {
                    "stage": stage.name,
                    "epoch": state.epoch,
                    "steps": state.steps,
                    "learning_rate": float(train_step.rate()),
                    "training_seconds": round(time.monotonic() - started, 3),
                    **state.mean_values(),
                }
                state.end_epoch()
                last = state.epoch == stage.epochs

                # Validation: the best weights are kept.
                if not problem and (last or state.epoch % stage.validate_every == 0):
                    with average.swap_in():
                        validation = self._validator()
                        metrics = ValidationMetrics(self._monitor, validation.metrics)
                        best = metrics.score > self.best.score
                        log |= metrics.values
                        callbacks.on_validation_end(
                            ValidationEnd(
                                stage.name,
                                state.epoch - 1,
                                state.steps,
                                metrics,
                                best,
                                validation.samples,
                            )
                        )
                        problem = guards.check_validation(metrics, self.best)
                        if not problem and best:
                            state.best_metrics = dict(metrics.values)
                            checkpoints.save_best()
                    if not problem:
                        state.wait = 0 if best else state.wait + 1
                        if stage.patience and state.wait >= stage.patience:
                            state.stage_done = True
                            callbacks.on_message(
                                f"Stage {stage.name} ends after epoch {state.epoch}: "
                                f"no progress in {state.wait} validations."
                            )
                state.stage_done |= last

                # Rollback: after a problem, back to the best weights or the end.
                if problem:
                    state.problem = problem
                    report = f"Stage {stage.name}, epoch {state.epoch}: {problem}"
                    if state.stage_done or state.rollbacks == guards.rollbacks:
                        state.stage_done = True
                        callbacks.on_message(
                            f"{report}; the stage ends with its best weights so far."
                        )
                    else:
                        state.rollbacks += 1
                        state.rate_scale *= guards.rate_factor
                        train_step.rate_scale.assign(state.rate_scale)
                        train_step.reset_state()
                        checkpoints.restore_best()
                        objective.on_stage_begin(model)
                        average.reset()
                        callbacks.on_message(
                            f"{report}; back to the best weights with "
                            f"{guards.rate_factor} times the learning rate."
                        )

                # The end of an epoch: its history and a checkpoint.
                state.logs.append({**log, "problem": problem})
                callbacks.on_epoch_end(state.logs)
                checkpoints.save()

        self._require_usable_weights()

    def _require_usable_weights(self) -> None:
        """Raises `TrainingError` when nothing has been validated with success."""
        if not self.state.best_metrics:
            raise TrainingError(
                f"stage {self._stages[self.state.stage].name} left no usable weights "
                f"({self.state.problem}); lower its learning rate."
            )

    def _steps(self, stage: Schedule) -> int:
        """The number of steps of a whole stage."""
        return stage.epochs * self._batches.steps_per_epoch
