"""Runs the command line, whose interruption is quiet from the first moment on."""

import os
import signal
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Runs the command that this process' arguments name."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    # While imports go on, and after the end, nobody is there to catch an exception.
    if not ignored:
        signal.signal(signal.SIGINT, _end)
    from kinescribe import cli

    try:
        cli.main()
    finally:
        if not ignored:
            signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
