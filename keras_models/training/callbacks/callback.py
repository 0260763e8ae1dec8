"""What a training run tells, and to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

EpochLog = Mapping[str, str | int | float]


class TrainBegin(NamedTuple):
    """A run that is about to start, or to go on."""

    folder: str
    stages: tuple[tuple[str, int], ...]  # name and number of steps
    finished_steps: int  # of all stages together; above 0 when the run goes on


class StepEnd(NamedTuple):
    """One update of the weights."""

    stage: str
    epoch: int  # of the stage, from zero
    step: int  # of the run, from zero
    values: Mapping[str, float]  # losses and metrics


class CaptionSample(NamedTuple):
    """A validation clip's caption."""

    video_id: str
    caption: str
    references: tuple[str, ...]
    attention: Mapping[str, np.ndarray] = {}  # by name, each (words and <eos>, T)


class ValidationEnd(NamedTuple):
    """Captions were written for the validation clips."""

    stage: str
    epoch: int
    step: int
    score: float  # CIDEr-D
    distinct: int  # different captions
    bad_endings: float  # share of captions that break off
    best: bool  # whether this is the highest score so far
    samples: tuple[CaptionSample, ...]


class Callback:
    """Hears of a run; each method may be left as it is."""

    def on_train_begin(self, run: TrainBegin) -> None:
        """Before the first step."""

    def on_step_end(self, step: StepEnd) -> None:
        """After every step."""

    def on_validation_end(self, validated: ValidationEnd) -> None:
        """After captions were written for the validation clips."""

    def on_epoch_end(self, rows: Sequence[EpochLog]) -> None:
        """After every epoch, with one row for each that there was."""

    def on_message(self, text: str) -> None:
        """Something that a person should know: one sentence."""

    def on_train_end(self) -> None:
        """After the last step, or after what ended the run early."""


class CallbackList(Callback):
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback]):
        self._callbacks = tuple(callbacks)

    def on_train_begin(self, run: TrainBegin) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_train_begin(run)

    def on_step_end(self, step: StepEnd) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_step_end(step)

    def on_validation_end(self, validated: ValidationEnd) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_validation_end(validated)

    def on_epoch_end(self, rows: Sequence[EpochLog]) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_epoch_end(rows)

    def on_message(self, text: str) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_message(text)

    def on_train_end(self) -> None:
        """Passes it on."""
        for callback in self._callbacks:
            callback.on_train_end()
