"""Progress of a training: bars on a terminal, elsewhere a line now and then."""

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
from transform.common.progress_bar import ProgressLines


def progress(console: Console | None = None) -> Callback:
    """Returns what shows a run's progress on a console, standard error by default."""
    console = console or Console(stderr=True)
    return ProgressBar(console) if console.is_terminal else ProgressLog(console)


class _Told(Callback):
    """Prints a line for every validation, and every message."""

    def __init__(self, console: Console):
        self._console = console

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """Prints the metrics and one caption."""
        metrics, samples = validation.metrics, validation.samples
        others = "".join(
            f", {name.replace('_', ' ')} {value:.3g}"
            for name, value in metrics.values.items()
            if name != metrics.monitor.name
        )
        sample = f" — “{samples[0].caption}”" if samples else ""
        self._tell(
            f"  {validation.stage}, epoch {validation.epoch + 1}: "
            f"{str(metrics).replace('_', ' ')}"
            f"{' (best)' if validation.best else ''}{others}{sample}"
        )

    def on_message(self, text: str) -> None:
        """Prints the sentence by itself, on a line."""
        self._tell(text)

    def _tell(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class ProgressLog(_Told):
    """Prints how far each stage is, every half a minute or 5 % of its steps."""

    def on_train_begin(self, run: TrainBegin) -> None:
        """Notes how many steps the stages have, and how many are done."""
        self._steps = dict(run.stages)
        self._done = dict.fromkeys(self._steps, 0)
        left = run.finished_steps
        for name, steps in run.stages:
            self._done[name] = min(left, steps)
            left -= self._done[name]
        self._lines: dict[str, ProgressLines] = {}

    def on_step_end(self, step: StepEnd) -> None:
        """Counts the step; prints a line if one is due."""
        self._done[step.stage] += 1
        done = self._done[step.stage]
        if step.stage not in self._lines:  # its first step builds the graph
            lines = ProgressLines(
                f"  {step.stage}", self._steps[step.stage], "steps", self._tell
            )
            lines.start(done)
            self._lines[step.stage] = lines
        self._lines[step.stage].report(done, f"loss {step.values['loss']:.3f}")


class ProgressBar(_Told):
    """Draws one bar for each stage and prints a line for every validation.

    Args:
        console: The console to draw on.
    """

    def __init__(self, console: Console):
        super().__init__(console)
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

    def on_train_end(self) -> None:
        """Stops drawing; the bars stay as they are."""
        self._progress.stop()
