"""The error that a person is meant to read."""


class KinescribeError(Exception):
    """What went wrong, with which input, and what to do: one sentence."""
