"""`kinescribe run`."""


def command() -> int:
    """To be written."""
    return 1
