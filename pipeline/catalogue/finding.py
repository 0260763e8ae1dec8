"""`Finding`: what a look at data or settings found, in a sentence."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """One thing that will stop a run (an error) or harm it (a warning)."""

    severity: Severity
    about: str  # the part of the run: annotations, splits, captions, clips, weights, …
    message: str  # one sentence: what, which, and what to do


def error(about: str, message: str) -> Finding:
    """Returns the finding of something that will stop the run."""
    return Finding("error", about, message)


def warning(about: str, message: str) -> Finding:
    """Returns the finding of something that the run survives."""
    return Finding("warning", about, message)


def named(names: list[str], most: int = 3) -> str:
    """Returns the first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: "1 clip", "1,200 clips"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
