"""One line a stage on the terminal."""

from __future__ import annotations

import rich.console
from rich.control import Control
from rich.segment import ControlType

from pipeline.stages import Stage

_TALKATIVE = frozenset({"VideoExampleGen", "Trainer"})  # with progress of their own


class ConsoleProgress:
    """Prints each stage's place, name and time.

    On a terminal the line that says that a stage runs is replaced by the one that says
    how long it took; what the stage itself prints stands between. Elsewhere there is
    one line a stage, when it is over.
    """

    def __init__(self, console: rich.console.Console | None = None):
        self._console = console or rich.console.Console(stderr=True)

    def started(self, index: int, total: int, name: str) -> None:
        """Prints that it runs."""
        if self._console.is_terminal:
            end = "\n" if name in _TALKATIVE else ""
            self._console.print(
                f"{_place(index, total, name)} … ", end=end, soft_wrap=True
            )

    def finished(self, index: int, total: int, stage: Stage) -> None:
        """Prints the time, or that nothing had to be done."""
        took = "cached" if stage.cached else f"{stage.seconds:.1f} s"
        self._end(index, total, stage.name, took)

    def failed(self, index: int, total: int, name: str) -> None:
        """Prints so."""
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
            f"{_place(index, total, name)}   {text}", highlight=False, soft_wrap=True
        )


def _place(index: int, total: int, name: str) -> str:
    width = len(str(total))
    return f"[dim]{index:>{width}}/{total}[/] {name:<18}"
