"""Progress bars with the remaining time, drawn on a terminal."""

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
    """Draws one bar for each stage and prints a line for every validation.

    Args:
        console: The console to draw on; standard error by default.
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
        """Draws the bars, filled as far as the run has come."""
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
        """Moves the bar of the stage by one step."""
        (task,) = self._tasks[step.stage]
        self._progress.start_task(task)
        self._progress.update(task, advance=1, note=f"loss {step.values['loss']:.3f}")

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """Prints the metrics and one caption above the bars."""
        metrics, samples = validation.metrics, validation.samples
        others = "".join(
            f", {name.replace('_', ' ')} {value:.3g}"
            for name, value in metrics.values.items()
            if name != metrics.monitor.name
        )
        sample = f" — “{samples[0].caption}”" if samples else ""
        self._progress.console.print(
            f"  {validation.stage}, epoch {validation.epoch + 1}: "
            f"{str(metrics).replace('_', ' ')}"
            f"{' (best)' if validation.best else ''}{others}{sample}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def on_message(self, text: str) -> None:
        """Prints the sentence above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def on_train_end(self) -> None:
        """Stops drawing; the bars stay as they are."""
        self._progress.stop()
