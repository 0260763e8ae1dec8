"""A progress bar with the time that is left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from keras_models.training.callbacks.callback import (
    Callback,
    StepEnd,
    TrainBegin,
    ValidationEnd,
)


class ProgressBar(Callback):
    """One bar a stage, on standard error; a line for every validation.

    Args:
        console: Where to draw; standard error by default.
    """

    def __init__(self, console: Console | None = None):
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
        )
        self._tasks: dict[str, tuple] = {}

    def on_train_begin(self, run: TrainBegin) -> None:
        """Draws a bar for each stage, filled as far as the run had come."""
        left = run.finished_steps
        for name, steps in run.stages:
            done = min(left, steps)
            left -= done
            task = self._progress.add_task(
                name, total=steps, completed=done, note="", start=False
            )
            self._tasks[name] = (task,)
        self._progress.start()

    def on_step_end(self, step: StepEnd) -> None:
        """Moves the bar."""
        (task,) = self._tasks[step.stage]
        self._progress.start_task(task)
        self._progress.update(task, advance=1, note=f"loss {step.values['loss']:.3f}")

    def on_validation_end(self, validated: ValidationEnd) -> None:
        """A line above the bars, with one caption to look at."""
        sample = f" — “{validated.samples[0].caption}”" if validated.samples else ""
        self._progress.console.print(
            f"  {validated.stage}, epoch {validated.epoch + 1}: CIDEr-D "
            f"{validated.score:.3f}{' (best)' if validated.best else ''}, "
            f"{validated.distinct} different captions{sample}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def on_message(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def on_train_end(self) -> None:
        """Leaves the bars as they are."""
        self._progress.stop()
