"""The errors that a person is meant to read."""

from __future__ import annotations

import os


class KinescribeError(Exception):
    """What went wrong, with which input, and what to do: one sentence."""


class DecodeError(KinescribeError):
    """A clip from which nothing can be had; `reason` says why in plain words."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(f"cannot decode {os.fspath(path)}: {reason}.")
        self.path = os.fspath(path)
        self.reason = reason

    def __reduce__(self) -> tuple:  # crosses process borders in Beam
        return type(self), (self.path, self.reason)
