"""Runs the command line, whose interruption is quiet from the first moment on."""

import atexit
import locale
import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130
_UTF_8 = "PYTHONUTF8"
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))  # by their numbers


def main() -> None:
    """Runs the command that this process' arguments name."""
    _write_names_in_utf_8()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    # While imports go on, and after the end, nobody is there to catch an exception.
    if not ignored:
        signal.signal(signal.SIGINT, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    interrupted: list[int] = []
    atexit.register(_finish, interrupted)  # before all others, so it runs after them
    _open_streams()
    from kinescribe import cli

    try:
        cli.main()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            interrupted.append(_INTERRUPTED)
        raise
    finally:
        if not ignored:
            signal.signal(signal.SIGINT, _end)


def _write_names_in_utf_8() -> None:
    """Begins anew where Python would name files otherwise than TensorFlow does.

    In a locale like en_US.ISO-8859-1 one folder would be two, Python's files in the one
    and TensorFlow's in the other. What is printed stays in the locale's encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get(_UTF_8) == "1":
        return
    os.environ.setdefault("PYTHONIOENCODING", locale.getpreferredencoding(False))
    os.environ[_UTF_8] = "1"  # for the processes that this one starts, too
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # waits for its handler
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _finish(interrupted: list[int]) -> None:
    """Keeps the exit code of a command that is over.

    An interpreter that ends takes interrupts as it did before ours, which would kill
    it. And if one came in text that `exec` runs, as dataclasses do, it kills itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if interrupted:
        os._exit(_INTERRUPTED)


def _open_streams() -> None:
    """Opens nothing in the place of standard streams that this process lacks.

    Otherwise the next file that is opened gets the number of one, and takes all that
    libraries print.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8"))


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
