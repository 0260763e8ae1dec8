"""The base classes of errors whose message is meant for the user."""

from __future__ import annotations


class KinescribeError(Exception):
    """Base of errors whose message is one sentence: what, where, and what to do."""


class DataError(KinescribeError, ValueError):
    """Raised where records are missing, empty or broken; the message says where."""


class UnfitDataError(DataError):
    """Raised where clips are there, but not such as a model may be made from."""
