"""Runs the command line, whose interruption is quiet from the first moment on."""

import os
import signal

_INTERRUPTED = 130


def main() -> None:
    """Runs the command that this process' arguments name."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # While imports go on, nobody is there yet to catch an exception.
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from kinescribe import cli

    cli.main()


if __name__ == "__main__":
    main()
