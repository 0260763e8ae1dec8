"""The errors that a person is meant to read."""

from __future__ import annotations


class KinescribeError(Exception):
    """What went wrong, with which input, and what to do: one sentence."""


class DataError(KinescribeError, ValueError):
    """Records are missing, empty or broken; the message names the file or folder."""
