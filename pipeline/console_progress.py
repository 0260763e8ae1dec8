"""Prints the progress of a pipeline, one line for each stage."""

from __future__ import annotations

import rich.console
from rich.control import Control
from rich.segment import ControlType

from pipeline.stages import Stage

_WITH_OWN_PROGRESS = frozenset({"VideoExampleGen", "Trainer"})


class ConsoleProgress:
    """Prints the number, the name and the duration of each stage.

    On a terminal the line of a running stage is replaced when the stage ends; the
    stage's own output stands between the two. Elsewhere one line is printed for each
    stage, when it ends.
    """

    def __init__(self, console: rich.console.Console | None = None):
        self._console = console or rich.console.Console(stderr=True)

    def on_stage_begin(self, index: int, total: int, name: str) -> None:
        """Prints the name of a stage that is about to run."""
        if self._console.is_terminal:
            end = "\n" if name in _WITH_OWN_PROGRESS else ""
            self._console.print(
                f"{_label(index, total, name)} … ", end=end, soft_wrap=True
            )

    def on_stage_end(self, index: int, total: int, stage: Stage) -> None:
        """Prints the duration of a stage, or that its cached outputs are used."""
        duration = "cached" if stage.cached else f"{stage.seconds:.1f} s"
        self._end(index, total, stage.name, duration)

    def on_stage_failure(self, index: int, total: int, name: str) -> None:
        """Prints that the stage has failed."""
        self._end(index, total, name, "[red]failed[/]")

    def _end(self, index: int, total: int, name: str, text: str) -> None:
        if self._console.is_terminal:
            self._console.control(
                Control(
                    (ControlType.CURSOR_MOVE_TO_COLUMN, 0),
                    (ControlType.ERASE_IN_LINE, 2),
                )
            )
        self._console.print(
            f"{_label(index, total, name)}   {text}", highlight=False, soft_wrap=True
        )


def _label(index: int, total: int, name: str) -> str:
    width = len(str(total))
    return f"[dim]{index:>{width}}/{total}[/] {name:<18}"
