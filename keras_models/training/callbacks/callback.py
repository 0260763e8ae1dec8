"""Callbacks of a training run and the events that they are called with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from keras_models.training.validation_result import CaptionSample, ValidationMetrics

EpochLog = Mapping[str, str | int | float]


class TrainBegin(NamedTuple):
    """A run is about to start or to be resumed."""

    folder: str
    stages: tuple[tuple[str, int], ...]  # name and number of steps
    finished_steps: int  # of all stages together; above 0 when the run is resumed


class StepEnd(NamedTuple):
    """The weights have been updated once."""

    stage: str
    epoch: int  # of the stage, from zero
    step: int  # of the run, from zero
    values: Mapping[str, float]  # losses and metrics


class ValidationEnd(NamedTuple):
    """The model has been evaluated on the validation clips."""

    stage: str
    epoch: int
    step: int
    metrics: ValidationMetrics
    best: bool  # whether the weights are kept as the best ones so far
    samples: tuple[CaptionSample, ...] = ()


class Callback:
    """Base class of callbacks, whose methods do nothing."""

    def on_train_begin(self, run: TrainBegin) -> None:
        """Called before the first step."""

    def on_step_end(self, step: StepEnd) -> None:
        """Called after every step with its losses."""

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """Called after every validation with its metrics."""

    def on_epoch_end(self, logs: Sequence[EpochLog]) -> None:
        """Called after every epoch with the logs of all epochs so far."""

    def on_message(self, text: str) -> None:
        """Called with one sentence that a person should read."""

    def on_train_end(self) -> None:
        """Called after the last step, or after an error that ends the run early."""


class CallbackList(Callback):
    """Several callbacks as one: each is called in turn."""

    def __init__(self, callbacks: Sequence[Callback]):
        self._callbacks = tuple(callbacks)

    def on_train_begin(self, run: TrainBegin) -> None:
        """Calls `on_train_begin` of every callback."""
        for callback in self._callbacks:
            callback.on_train_begin(run)

    def on_step_end(self, step: StepEnd) -> None:
        """Calls `on_step_end` of every callback."""
        for callback in self._callbacks:
            callback.on_step_end(step)

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """Calls `on_validation_end` of every callback."""
        for callback in self._callbacks:
            callback.on_validation_end(validation)

    def on_epoch_end(self, logs: Sequence[EpochLog]) -> None:
        """Calls `on_epoch_end` of every callback."""
        for callback in self._callbacks:
            callback.on_epoch_end(logs)

    def on_message(self, text: str) -> None:
        """Calls `on_message` of every callback."""
        for callback in self._callbacks:
            callback.on_message(text)

    def on_train_end(self) -> None:
        """Calls `on_train_end` of every callback."""
        for callback in self._callbacks:
            callback.on_train_end()
