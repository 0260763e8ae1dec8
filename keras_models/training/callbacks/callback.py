"""What a training run tells, and to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Row = Mapping[str, str | int | float]


class Run(NamedTuple):
    """A run that is about to start, or to go on."""

    folder: str
    stages: tuple[tuple[str, int], ...]  # name and number of steps
    finished_steps: int  # of all stages together; above 0 when the run goes on


class Step(NamedTuple):
    """One update of the weights."""

    stage: str
    epoch: int  # of the stage, from zero
    step: int  # of the run, from zero
    values: Mapping[str, float]  # losses and metrics


class Sample(NamedTuple):
    """A validation clip's caption."""

    video_id: str
    caption: str
    references: tuple[str, ...]
    attention: Mapping[str, np.ndarray] = {}  # by name, each (words and <eos>, T)


class Validated(NamedTuple):
    """Captions were written for the validation clips."""

    stage: str
    epoch: int
    step: int
    score: float  # CIDEr-D
    distinct: int  # different captions
    bad_endings: float  # share of captions that break off
    best: bool  # whether this is the highest score so far
    samples: tuple[Sample, ...]


class Listener:
    """Hears of a run; each method may be left as it is."""

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    def on_step(self, step: Step) -> None:
        """After every step."""

    def on_validation(self, validated: Validated) -> None:
        """After captions were written for the validation clips."""

    def on_epoch(self, rows: Sequence[Row]) -> None:
        """After every epoch, with one row for each that there was."""

    def on_message(self, text: str) -> None:
        """Something that a person should know: one sentence."""

    def on_end(self) -> None:
        """After the last step, or after what ended the run early."""


class Audience(Listener):
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]):
        self._listeners = tuple(listeners)

    def on_start(self, run: Run) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_start(run)

    def on_step(self, step: Step) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_step(step)

    def on_validation(self, validated: Validated) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_validation(validated)

    def on_epoch(self, rows: Sequence[Row]) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_epoch(rows)

    def on_message(self, text: str) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_message(text)

    def on_end(self) -> None:
        """Passes it on."""
        for listener in self._listeners:
            listener.on_end()
