"""Progress of long jobs: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_SECONDS = 30.0  # after which a line is due
_SHARE = 0.05  # of the whole, after which one is due as well …
_SECONDS_AT_LEAST = 2.0  # … but no sooner than this


class ProgressLines:
    """Prints a line of progress now and then, for logs that nobody draws a bar in.

    A line comes every half a minute or 5 %, and says how fast it went since the last
    one and how long the rest will take at that pace.

    Args:
        title: What is being done.
        total: How many of it there are.
        unit: What is counted, if the title does not say: "steps".
        write: Takes each line; by default it goes to standard error.
        clock: Tells the seconds since any moment.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str = "",
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._title = title
        self._total = total
        self._unit = f" {unit}" if unit else ""
        self._write = write or _to_stderr
        self._clock = clock
        self._last = clock(), 0

    def start(self, done: int) -> None:
        """Sets how far it has come, so that the pace counts from now on."""
        self._last = self._clock(), done

    def report(self, done: int, note: str = "") -> None:
        """Prints a line if one is due.

        Args:
            done: How many of the total are done.
            note: What else to say.
        """
        now = self._clock()
        then, before = self._last
        seconds, more = now - then, done - before
        far = more >= _SHARE * self._total or done >= self._total
        if more <= 0 or seconds < (_SECONDS_AT_LEAST if far else _SECONDS):
            return
        self._last = now, done
        pace = more / seconds
        parts = [
            f"{self._title}: {done:,} of {self._total:,}{self._unit} "
            f"({done / self._total:.0%})",
            _paced(pace, self._unit),
        ]
        if done < self._total:
            parts.append(f"{in_words((self._total - done) / pace)} left")
        self._write(", ".join(filter(None, (*parts, note))))


def in_words(seconds: float) -> str:
    """Returns a time in the unit that suits it: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _paced(pace: float, unit: str) -> str:
    if pace >= 0.1:
        return (
            f"{pace:.2g}{unit} a second" if pace < 10 else f"{pace:,.0f}{unit} a second"
        )
    return f"{60 * pace:.2g}{unit} a minute"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def shown(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows progress on stderr; yields a function that takes the number done."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield ProgressLines(title, total).report
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)
