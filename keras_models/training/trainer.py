"""The training loop: stages of epochs, from the first batch to the best weights."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

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
from keras_models.training.monitor import Monitor
from keras_models.training.schedule import Schedule
from keras_models.training.train_step import TrainStep, trained_weights
from keras_models.training.validation_result import ValidationMetrics, ValidationResult
from keras_models.training.weight_averaging import Average


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """A report on the weights that a new run begins with."""

    message: str = ""  # one sentence for a person; '' when there is nothing to say
    metrics: Mapping[str, float] | None = None  # only of weights worth keeping


class TrainerStage(NamedTuple):
    """One stage of a training, as a `Trainer` runs it."""

    schedule: Schedule
    build_objective: Callable[[ObjectiveContext], Objective]
    monitor: Monitor  # chooses the stage's best weights


class _Updates(NamedTuple):
    """The things that update the weights during a stage."""

    objective: Objective
    train_step: TrainStep
    average: Average


class Trainer:
    """Trains a model in stages and keeps the weights that validate best.

    A run lives in a folder and may be killed at any moment: a trainer that is made
    anew from the same folder, settings and data goes on with the next step. On one CPU
    device the result is then the same bit for bit.

    A stage starts from the best weights so far and has to improve on them. Where it is
    monitored by something else than they were, they are validated again; where it makes
    another model of them, its first validation is the one to improve on.

    A trainer is made and used in the scope of the strategy that distributes its steps.

    Args:
        model: The built model whose weights are trained.
        stages: The stages in the order of training.
        context: What their objectives are built from; its counters are the trainer's.
        batches: The training clips.
        validator: Computes metrics of the model's current weights, among them those of
            a monitor.
        folder: The run's folder, from `checkpoints.open_run`.
        seed: Seed of the random numbers that objectives draw.
        guards: Rules that detect a run which has gone wrong.
        checkpoint_steps: Number of steps between two checkpoints within an epoch.
        callbacks: Called in the chief process only, after `HistoryFiles`.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        stages: Sequence[TrainerStage],
        context: ObjectiveContext,
        batches: TrainingBatches,
        validator: Callable[[Monitor], ValidationResult],
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
        self._context = context
        self._batches = batches
        self._validator = validator
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
        return ValidationMetrics(self._stage.monitor, self.state.best_metrics)

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
        names = [stage.schedule.name for stage in self._stages]
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
        state, guards, callbacks = self.state, self._guards, self._callbacks
        for index in range(state.stage + state.stage_done, len(self._stages)):
            updates = self._begin_stage(index)
            name = self._stage.schedule.name

            while not state.stage_done:
                # An epoch: the steps that are left of it.
                started, problem = time.monotonic(), ""
                for batch in self._batches_left():
                    values = updates.train_step(batch)
                    updates.average.update()
                    if problem := guards.check_finite(values):
                        break
                    callbacks.on_step_end(
                        StepEnd(name, state.epoch, state.steps, values)
                    )
                    state.end_step(values)
                    if state.steps % self._checkpoint_steps == 0:
                        self._checkpoints.save()
                log: dict[str, Any] = {
                    "stage": name,
                    "epoch": state.epoch,
                    "steps": state.steps,
                    "learning_rate": float(updates.train_step.rate()),
                    "training_seconds": round(time.monotonic() - started, 3),
                    **state.mean_values(),
                }
                state.end_epoch()

                # Its validation: the best weights are kept.
                if not problem and self._validation_is_due():
                    columns, problem = self._validate(updates.average)
                    log |= columns
                state.stage_done |= self._is_last_epoch()

                # After a problem: back to the best weights, or the stage's end.
                if problem:
                    self._roll_back(updates, problem)

                # Its end: a row of the history and a checkpoint.
                state.logs.append({**log, "problem": problem})
                callbacks.on_epoch_end(state.logs)
                self._checkpoints.save()

            self._say_whether_the_stage_helped()
        self._require_usable_weights()

    def _begin_stage(self, index: int) -> _Updates:
        """Builds what updates the weights, and restores it or begins with the best."""
        state = self.state
        if index > state.stage:
            self._require_usable_weights()
            state.begin_stage(index)
        stage, counters = self._stage, self._context.counters
        objective = stage.build_objective(self._context)
        train_step = TrainStep(
            self._model, stage.schedule, objective, counters, self._steps(stage)
        )
        average = stage.schedule.averaging.build(
            trained_weights(self._model, stage.schedule)
        )
        updates = _Updates(objective, train_step, average)
        self._checkpoints.begin_stage(
            optimizer=train_step.optimizer,
            objective=objective,
            counters=counters,
            average=average,
        )
        if state.stage_begun:
            self._checkpoints.restore()
        else:
            self._start_from_best(updates)
            self._validate_start()
            counters.restart(self._seed, index)
            state.stage_begun = True
        train_step.rate_scale.assign(state.rate_scale)
        return updates

    def _start_from_best(self, updates: _Updates) -> None:
        """Gives the model its best weights, ready to be trained on."""
        self._checkpoints.restore_best()
        if updates.objective.on_stage_begin(self._model):
            self.state.best_metrics = {}  # those of another model
        updates.average.reset()

    def _validate_start(self) -> None:
        """Measures the stage's monitor on its first weights, unless it is known."""
        state, monitor = self.state, self._stage.monitor
        if not state.best_metrics or monitor.measured_in(state.best_metrics):
            return
        state.best_metrics = dict(self._validator(monitor).metrics)
        self._callbacks.on_message(
            f"Stage {self._stage.schedule.name} begins with weights of {self.best}."
        )

    def _batches_left(self) -> Iterable[Any]:
        """Returns the batches of the epoch that were not trained on yet."""
        state = self.state
        self._context.counters.epoch.assign(state.epochs)
        batches = self._batches.epoch(state.epochs, state.step)
        strategy = tf.distribute.get_strategy()
        return strategy.experimental_distribute_dataset(batches)

    def _validation_is_due(self) -> bool:
        """Returns whether the weights are validated after the epoch that ended."""
        due = self.state.epoch % self._stage.schedule.validate_every == 0
        return due or self._is_last_epoch()

    def _is_last_epoch(self) -> bool:
        """Returns whether the epoch that ended was the stage's last."""
        return self.state.epoch == self._stage.schedule.epochs

    def _validate(self, average: Average) -> tuple[dict[str, Any], str]:
        """Keeps the weights if they are the best ones, and loses patience if not.

        Returns:
            The columns of the history, and the problem, '' if there is none.
        """
        state, schedule = self.state, self._stage.schedule
        with average.swap_in():
            validation = self._validator(self._stage.monitor)
            metrics = ValidationMetrics(self._stage.monitor, validation.metrics)
            problem = self._guards.check_finite(
                metrics.values
            ) or self._guards.check_validation(metrics, self.best)
            best = not problem and metrics.score > self.best.score
            if best:
                state.best_metrics, state.improved = dict(metrics.values), True
                self._checkpoints.save_best()
        self._callbacks.on_validation_end(
            ValidationEnd(
                schedule.name,
                state.epoch - 1,
                state.steps,
                metrics,
                best,
                validation.samples,
            )
        )
        if not problem:
            self._warn(validation)
            state.wait = 0 if best else state.wait + 1
            if schedule.patience and state.wait >= schedule.patience:
                state.stage_done = True
                self._callbacks.on_message(
                    f"Stage {schedule.name} ends after epoch {state.epoch}: "
                    f"no progress in {state.wait} validations."
                )
        return {**metrics.values, "best": best}, problem

    def _warn(self, validation: ValidationResult) -> None:
        """Says what a guard warns of, once a stage and not before it had time."""
        state, schedule = self.state, self._stage.schedule
        early = state.epoch <= schedule.validate_every and not self._is_last_epoch()
        if early or state.warned:
            return
        if warning := self._guards.warning(validation):
            state.warned = True
            self._callbacks.on_message(
                f"Stage {schedule.name}, epoch {state.epoch}: {warning}."
            )

    def _roll_back(self, updates: _Updates, problem: str) -> None:
        """Goes back to the best weights with a lower rate, or ends the stage."""
        state, guards = self.state, self._guards
        state.problem = problem
        report = f"Stage {self._stage.schedule.name}, epoch {state.epoch}: {problem}"
        if state.stage_done or state.rollbacks == guards.rollbacks:
            state.stage_done = True
            self._callbacks.on_message(
                f"{report}; the stage ends with its best weights so far."
            )
            return
        state.rollbacks += 1
        state.rate_scale *= guards.rate_factor
        updates.train_step.rate_scale.assign(state.rate_scale)
        updates.train_step.reset_state()
        self._start_from_best(updates)
        self._callbacks.on_message(
            f"{report}; back to the best weights with {guards.rate_factor} times the "
            "learning rate."
        )

    def _say_whether_the_stage_helped(self) -> None:
        """Says it where the best weights are still those that the stage began with."""
        if self.state.best_metrics and not self.state.improved:
            self._callbacks.on_message(
                f"Stage {self._stage.schedule.name} did not improve on its first "
                f"weights; they are kept, with {self.best}."
            )

    def _require_usable_weights(self) -> None:
        """Raises `TrainingError` when nothing has been validated with success."""
        if not self.state.best_metrics:
            raise TrainingError(
                f"stage {self._stage.schedule.name} left no usable weights "
                f"({self.state.problem}); lower its learning rate."
            )

    @property
    def _stage(self) -> TrainerStage:
        """The stage that the run is in."""
        return self._stages[self.state.stage]

    def _steps(self, stage: TrainerStage) -> int:
        """The number of steps of a whole stage."""
        return stage.schedule.epochs * self._batches.steps_per_epoch
