"""`kinescribe train`."""


def command() -> int:
    """To be written."""
    return 1
